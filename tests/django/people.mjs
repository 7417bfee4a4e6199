/** @file People in front of the example's pages, and every frame that their browsers received. */
import assert from "node:assert/strict";

const WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 20;

export class Person {
  /** What each socket of the page received, frame by frame, as text. @type {string[]} */
  frames = [];
  /** How many sockets the page opened. */
  sockets = 0;
  /** Lines of the page's console. @type {string[]} */
  lines = [];
  troubles = [];

  /**
   * Opens the page and signs in with the name as the password.
   * @param {import("playwright-core").Browser} browser
   * @param {import("./site.mjs").Site} site
   * @param {{tenant: string, name: string, chat?: string, plain?: boolean, server?: "uvicorn" | "charla", before?: (page: import("playwright-core").Page) => Promise<void>}} options
   */
  static async enter(browser, site, { tenant, name, chat = "5", plain = false, server, before }) {
    const person = new Person();
    Object.assign(person, { name, site });
    person.context = await browser.newContext({ locale: "es-ES" });
    if (server) await person.context.addCookies([{ name: "servidor", value: server, url: site.page(tenant) }]);
    const page = await person.context.newPage();
    person.page = page;
    page.setDefaultTimeout(WITHIN_MS);
    page.on("websocket", (socket) => {
      person.sockets += 1;
      socket.on("framereceived", ({ payload }) => person.frames.push(String(payload)));
    });
    page.on("console", (message) => message.args().length > 0 && person.lines.push(message.text()));
    page.on("pageerror", (error) => person.troubles.push(String(error.stack)));
    await page.addInitScript(recordCloses);
    await before?.(page);
    await page.goto(site.page(tenant, `?chat=${chat}`, plain ? "plano.html" : "index.html"));
    await page.getByLabel("Nombre").fill(name);
    await page.getByLabel("Clave").fill(name);
    await page.getByRole("button", { name: "Entrar" }).click();
    return person;
  }

  /** Until the page says so of itself. @param {string} state */
  async is(state) {
    await this.page.locator(`main[data-estado=${state}], #estado:text-is("${state}")`).waitFor();
  }

  async say(text) {
    await this.page.getByLabel("Mensaje").fill(text);
    await this.page.getByRole("button", { name: "Enviar" }).click();
  }

  /** Until so many frames have come. */
  async hears(count) {
    await this.#until(() => this.frames.length >= count, `${this.name} heard ${this.frames.length} of ${count} frames`);
  }

  /** Until the page's console has so many lines of this kind. */
  async says(pattern, count = 1) {
    const said = () => this.lines.filter((line) => pattern.test(line)).length;
    await this.#until(() => said() >= count, `${this.name}'s page said ${pattern} ${said()} times of ${count}`);
  }

  /** The sockets' ends, once there are so many. @returns {Promise<{code: number, reason: string}[]>} */
  async closes(count) {
    await this.page.waitForFunction((wanted) => globalThis.cierres.length >= wanted, count, { polling: LOOK_EVERY_MS });
    return this.page.evaluate(() => globalThis.cierres);
  }

  /** The messages on the page. */
  shown() {
    return this.page.$$eval(".mensaje", (all) => all.map(({ textContent }) => textContent));
  }

  notices() {
    return this.page.$$eval(".aviso", (all) => all.map(({ textContent }) => textContent));
  }

  async #until(isSo, why) {
    const until = Date.now() + WITHIN_MS;
    while (!isSo()) {
      if (Date.now() > until) throw new Error(`${why}:\n${this.frames.join("\n")}\n${this.lines.join("\n")}`);
      // A round trip to the page: what it has received by then has been told before.
      await this.page.title();
    }
  }

  async leave() {
    assert.deepEqual(this.troubles, []);
    await this.context.close();
  }
}

/** Runs in the page: what its sockets ended with, as the browser told it. */
function recordCloses() {
  globalThis.cierres = [];
  globalThis.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      this.addEventListener("close", ({ code, reason }) => globalThis.cierres.push({ code, reason }));
    }
  };
}
