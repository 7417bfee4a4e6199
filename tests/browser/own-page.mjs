/** @file Pages of our own in the origin of a server: an empty document that loads the browser package from the repository. */
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGE = fileURLToPath(new URL("../../js/", import.meta.url));
const TYPES = { ".js": "text/javascript", ".html": "text/html" };
const WITHIN_MS = 30_000;

/** One browser profile: its pages share locks, channels and databases. */
export class OwnPages {
  /** Sockets that its pages opened. */
  sockets = 0;
  /** Script errors of any page. @type {string[]} */
  troubles = [];

  /**
   * @param {import("playwright-core").Browser} browser
   * @param {{url: string}} server
   * @param {Record<string, string>} [files] More of them, below `/own/`.
   */
  static async in(browser, { url }, files = {}) {
    const pages = new OwnPages();
    pages.url = url;
    // Pages that no server sent belong to no network, and may not reach into the local one unasked.
    pages.context = await browser.newContext({ permissions: ["local-network-access"] });
    const documents = { "": "<!doctype html><title>own page</title><div id=root></div>", ...files };
    await pages.context.route(`${url}/own/**`, async (route) => {
      const path = new URL(route.request().url()).pathname.slice("/own/".length);
      const body = Object.hasOwn(documents, path) ? documents[path] : await readFile(PACKAGE + path.slice("js/".length));
      await route.fulfill({ body, contentType: TYPES[extname(path)] ?? TYPES[".html"] });
    });
    return pages;
  }

  /** @returns {Promise<import("playwright-core").Page>} An empty page, where `/own/js/src/...` can be imported. */
  async open() {
    const page = await this.context.newPage();
    page.setDefaultTimeout(WITHIN_MS);
    page.on("pageerror", (error) => this.troubles.push(String(error.stack)));
    page.on("websocket", () => (this.sockets += 1));
    await page.goto(`${this.url}/own/`);
    return page;
  }

  close() {
    return this.context.close();
  }
}

/** What the server itself counts. @param {{url: string}} server @param {string} name @returns {Promise<number>} */
export async function counted({ url }, name) {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(`${name} `) || each.startsWith(`${name}{`));
  return line ? Number(line.slice(line.lastIndexOf(" "))) : 0;
}
