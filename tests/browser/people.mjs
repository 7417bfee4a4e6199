/** @file Chromium windows, each a person of its own. */
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

const MODULES = process.env.CHARLA_NODE_MODULES ?? join(process.env.CHARLA_TOOLS_NODE ?? ".", "node_modules");
const { chromium } = createRequire(join(MODULES, "_"))("playwright-core");
const EXECUTABLE = process.env.CHARLA_CHROMIUM ?? "/usr/bin/chromium";
/** Set to keep pictures of what the tests saw. */
const PICTURES = process.env.CHARLA_PICTURES;
const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const WITHIN_MS = 20_000;

/** @param {string[]} [more] Arguments for Chromium. */
export function launch(more = []) {
  return chromium.launch({ executablePath: EXECUTABLE, args: [...QUIET, ...more] });
}

/**
 * A browser whose tabs can be hidden and frozen: those that the driver launches all look as if they stood in front.
 * @param {number} port Free, for the second hand on it.
 * @returns {Promise<{context: import("playwright-core").BrowserContext, close: () => Promise<void>}>}
 */
export async function launchBare(port) {
  const browser = await launch([`--remote-debugging-port=${port}`]);
  const bare = await chromium.connectOverCDP(`http://127.0.0.1:${port}`, { noDefaults: true });
  return { context: bare.contexts()[0], close: () => browser.close() };
}

/**
 * Opens a window and goes there.
 * @param {import("playwright-core").Browser} browser
 * @param {string} address
 * @param {object} [options] Of the browser context: `locale`, `viewport`, `colorScheme` ...; `clock: true`
 *   puts the page's time into the test's hands.
 */
export async function open(browser, address, { clock = false, ...options } = {}) {
  const context = await browser.newContext({ locale: "en-US", viewport: { width: 1180, height: 780 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(WITHIN_MS);
  if (clock) await page.clock.install();
  await page.addInitScript(recordCloses);
  const troubles = [];
  page.on("pageerror", (error) => troubles.push(String(error.stack)));
  page.on("dialog", (dialog) => {
    troubles.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("console", (message) => /content security policy|trusted ?type/i.test(message.text()) && troubles.push(message.text()));
  await page.goto(address);
  return new Person(page, troubles);
}

/** Runs in the page: how many sockets it opened, and what they were closed with, as the browser itself saw it. */
function recordCloses() {
  globalThis.opened = 0;
  globalThis.closes = [];
  globalThis.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      globalThis.opened += 1;
      this.addEventListener("close", ({ code, reason }) => globalThis.closes.push({ code, reason }));
    }
  };
}

export class Person {
  constructor(page, troubles) {
    this.page = page;
    this.troubles = troubles;
  }

  /** Types and sends. */
  async say(text) {
    await this.page.getByRole("textbox").fill(text);
    await this.page.keyboard.press("Enter");
  }

  /** Waits until the last message is this one. */
  async hears(text) {
    await this.page.waitForFunction((wanted) => [...document.querySelectorAll(".message .text")].at(-1)?.textContent === wanted, text);
  }

  /** @returns {Promise<string[]>} */
  texts() {
    return this.page.$$eval(".message .text", (all) => all.map(({ textContent }) => textContent));
  }

  last(selector = "") {
    return this.page.locator(`.message:last-child ${selector}`);
  }

  /** Waits for the refusal on the screen. */
  async problem() {
    await this.page.waitForSelector(".problem");
    return {
      code: await this.page.textContent(".problem-code"),
      title: await this.page.textContent(".problem h2"),
      cause: await this.page.textContent(".problem .cause-id"),
      closes: await this.page.evaluate(() => globalThis.closes),
    };
  }

  async picture(name) {
    if (!PICTURES) return;
    await mkdir(PICTURES, { recursive: true });
    await this.page.screenshot({ path: join(PICTURES, `${name}.png`) });
  }

  /** No script error, no dialog, nothing that the content policy had to stop. */
  assertQuiet() {
    assert.deepEqual(this.troubles, []);
  }

  async leave() {
    this.assertQuiet();
    await this.page.context().close();
  }
}
