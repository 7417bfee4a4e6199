/** @file One page with one client on it, and everything that a person with the developer tools open would see. */
import assert from "node:assert/strict";

const WITHIN_MS = 60_000;
/** More than any wait of the client's own choosing. */
const LONGEST_WAIT_MS = 61_000;
/** How often a page whose clock stands still is looked at. */
const LOOK_EVERY_MS = 20;

export class Visitor {
  /** Lines of the page's console, as they came. */
  lines = [];
  /** What the browser itself wrote there. */
  native = [];
  /** Each reason for which the page was asked for a token. */
  asked = [];
  troubles = [];
  /** WebSockets that the page opened, as the browser counts them. */
  sockets = 0;

  /**
   * @param {import("./lab.mjs").Lab} lab
   * @param {object} options
   * @param {string} options.title What this is about.
   * @param {string} options.url The socket's.
   * @param {"es" | "en"} [options.lang] Of the console.
   * @param {string} [options.at] The page's path.
   * @param {string} [options.origin] Where the page comes from.
   * @param {boolean} [options.clock] The page's time stands still until the test moves it.
   * @param {Record<string, number>} [options.policy]
   * @param {number} [options.random]
   * @param {import("playwright-core").BrowserContext} [options.context] The caller's own, of {@link Lab.bareContext}.
   * @param {(why: any, nth: number) => string | {stop: string}} [options.token] `stop`: there will be no other.
   *   What else is given goes to the page as it is.
   */
  static async enter(lab, { title, url, lang = "es", at = "/lab/", origin, clock = false, policy, random = 0.5, context, token, ...more }) {
    const visitor = new Visitor();
    visitor.title = title;
    visitor.context = context ?? (await lab.browser.newContext({ ignoreHTTPSErrors: true }));
    visitor.isGuest = context !== undefined;
    const page = await visitor.context.newPage();
    visitor.page = page;
    page.setDefaultTimeout(WITHIN_MS);
    if (clock) await page.clock.install();
    // What the browser writes by itself carries no values.
    page.on("console", (message) => (message.args().length > 0 ? visitor.lines : visitor.native).push(constant(message.text())));
    page.on("websocket", () => (visitor.sockets += 1));
    page.on("pageerror", (error) => visitor.troubles.push(String(error.stack)));
    await page.exposeFunction("giveToken", async (why) => {
      visitor.asked.push(why);
      const give = token ?? (() => lab.token("ana"));
      return give(why, visitor.asked.length);
    });
    await page.goto(`${origin ?? `http://127.0.0.1:${lab.ports.http}`}${at}index.html`);
    await page.waitForFunction(() => globalThis.enter !== undefined, undefined, { polling: LOOK_EVERY_MS }).catch((error) => {
      throw new Error(`the page did not start\n${[...visitor.troubles, ...visitor.native].join("\n")}`, { cause: error });
    });
    if (clock) await page.clock.pauseAt(Date.now() + LONGEST_WAIT_MS);
    visitor.start = { url, lang, policy, random, ...more };
    await page.evaluate((start) => globalThis.enter(start), visitor.start);
    return visitor;
  }

  /** Every state the client told of, in one line each. */
  async states() {
    return (await this.page.evaluate(() => globalThis.states)).map(told);
  }

  /** What the client says of itself now. */
  async state() {
    return this.page.evaluate(() => globalThis.client.state);
  }

  /**
   * Waits until the client has told of such a state.
   * @param {Record<string, unknown>} like
   * @param {number} [from] After so many states.
   * @returns {Promise<number>} How many states it was until then.
   */
  async until(like, from = 0) {
    const matches = ([fields, first]) => {
      const isLike = (state) => Object.entries(fields).every(([key, value]) => state[key] === value);
      return globalThis.states.findIndex((state, index) => index >= first && isLike(state)) + 1;
    };
    const found = await this.page.waitForFunction(matches, [like, from], { polling: LOOK_EVERY_MS }).catch(async (error) => {
      throw new Error(`no ${JSON.stringify(like)}:\n${(await this.states()).join("\n")}\n${this.lines.join("\n")}`, { cause: error });
    });
    return found.jsonValue();
  }

  /** Waits until the first connection is up and has entered its chat: from there a later one resumes. */
  async arrive() {
    await this.until({ name: "connected" });
    await this.page.waitForFunction(() => globalThis.isIn, undefined, { polling: LOOK_EVERY_MS });
  }

  /** Waits until nothing is under way that the network must answer. @returns {Promise<string>} The state's name. */
  async settle() {
    const settled = () => {
      const { name } = globalThis.client.state;
      const isBusy = globalThis.preflight || name === "connecting" || name === "refreshing";
      return isBusy ? null : name;
    };
    return (await this.page.waitForFunction(settled, undefined, { polling: LOOK_EVERY_MS })).jsonValue();
  }

  /** Lets the page's minutes pass at once: the wait is over. The network's milliseconds are real. */
  async pass(ms = LONGEST_WAIT_MS) {
    await this.page.clock.fastForward(ms);
  }

  /** Until the client has given up. */
  async giveUp() {
    for (let name = await this.settle(); name !== "disabled"; name = await this.settle()) {
      // A connection that is about to be closed, perhaps for the last time.
      if (name === "waiting") await this.pass();
      else await this.page.waitForFunction(() => globalThis.client.state.name !== "connected", undefined, { polling: LOOK_EVERY_MS });
    }
  }

  /** Another tab comes to the front. */
  async hide() {
    const front = await this.context.newPage();
    await front.bringToFront();
    await this.page.waitForFunction(() => document.visibilityState === "hidden", undefined, { polling: LOOK_EVERY_MS });
  }

  async show() {
    await this.page.bringToFront();
  }

  /** Only a hidden tab can be frozen. While it is, nothing in it runs, and nobody can ask it anything. */
  async freeze() {
    this.devtools ??= await this.context.newCDPSession(this.page);
    await this.devtools.send("Page.setWebLifecycleState", { state: "frozen" });
  }

  async thaw() {
    await this.devtools.send("Page.setWebLifecycleState", { state: "active" });
  }

  /** No script error in the page, and no token in its console. */
  assertQuiet() {
    assert.deepEqual(this.troubles, []);
    assert.doesNotMatch(this.lines.join("\n"), /eyJ/);
  }

  async leave() {
    this.assertQuiet();
    await this.page.close();
    if (!this.isGuest) await this.context.close();
  }
}

/** What differs from run to run is told by its name. */
function constant(text) {
  return text
    .replace(/(127\.0\.0\.1|[\w-]+\.charla\.test):\d+/g, "HOST")
    .replace(/\bepoch=\d+/g, "epoch=EPOCH")
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, "ID")
    .replace(/\b[0-9a-f]{32}\b/g, "ID")
    .replace(/expired \d+ s ago/g, "expired N s ago")
    .replace(/retry in \d+ ms/g, "retry in N ms")
    .replace(/caducó hace \d+ s/g, "caducó hace N s")
    .replace(/reintentar en \d+ ms/g, "reintentar en N ms");
}

/** @param {any} state */
function told({ name, attempt, of, cycle, cause, code, retryInMs, held, willRetry }) {
  // When to come back from a restart the server chooses by lot.
  const wait = retryInMs === null ? "" : ` in ${cause === "restarting" ? "N" : retryInMs} ms`;
  const why = cause || code ? ` · ${cause ?? "no cause yet"} ${code}` : "";
  const then = name === "disabled" && !willRetry ? " · no retry" : "";
  return `${name} ${attempt}/${of} cycle ${cycle}${wait}${held ? ` held ${held}` : ""}${why}${then}`;
}
