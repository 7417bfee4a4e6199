/**
 * @file The laboratory: one Chromium, one nginx with a page on it, and behind it a server that a test may kill.
 *
 * The page imports the package's modules as a user's page does. What is looked at: the lines of its console, the states of
 * its client, and how many handshakes arrived, as the other side counts them.
 */
import { createHmac } from "node:crypto";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { Demo } from "../browser/demo.mjs";
import { launch, launchBare } from "../browser/people.mjs";
import { freePort, Nginx } from "../proxy/nginx.mjs";
import { Visitor } from "./visitor.mjs";

const JS = new URL("../../js/", import.meta.url).pathname;
const PAGE = new URL("./page/", import.meta.url).pathname;
/** Names that are not this machine's own, so that a browser trusts them no more than any other. */
const RESOLVE = "--host-resolver-rules=MAP *.charla.test 127.0.0.1";
const SECRET = "a secret of the laboratory alone, long enough";
/** From something that happened to its place in a log or a figure. */
const COUNTED_WITHIN_MS = 5_000;

export class Lab {
  #bare = [];

  /**
   * @param {object} [options]
   * @param {Record<string, string>} [options.settings] Of the server.
   * @param {string} [options.policy] A Content-Security-Policy for `/strict/`.
   */
  static async start({ settings = {}, policy = "connect-src 'self'" } = {}) {
    const lab = new Lab();
    lab.ports = { http: await freePort(), https: await freePort(), nobody: await freePort() };
    [lab.demo, lab.browser] = await Promise.all([Demo.start({ "auth.secret": SECRET, ...settings }), launch([RESOLVE])]);
    lab.nginx = await Nginx.start(() => lab.#servers(policy), (folder) => furnish(folder));
    return lab;
  }

  #servers(policy) {
    const { http, https, nobody } = this.ports;
    const proxied = `
      proxy_http_version 1.1; proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;`;
    const locations = `
      location /lab/ { alias page/; }
      location /lab/client.js { alias ${PAGE}client.js; }
      location /strict/ { alias page/; add_header Content-Security-Policy "${policy}"; }
      location /js/ { alias ${JS}; }
      location /ws/ { proxy_pass http://charla; ${proxied} }
      location /cut/ { proxy_pass http://charla/; proxy_read_timeout 5s; ${proxied} }
      location /cuts/ { proxy_pass http://charla/; proxy_read_timeout 1s; ${proxied} }
      location /stripped/ { proxy_pass http://charla/; proxy_http_version 1.1; proxy_set_header Host $http_host; }
      location /down/ { proxy_pass http://127.0.0.1:${nobody}/; ${proxied} }`;
    return `
      upstream charla { server ${new URL(this.demo.url).host}; }
      server { listen 127.0.0.1:${http}; ${locations} }
      server {
        listen 127.0.0.1:${https} ssl; ssl_certificate cert.pem; ssl_certificate_key key.pem;
        ${locations}
      }`;
  }

  /** An address of a chat's socket behind nginx. `name` is what nginx's log will know it by. */
  address(name, { by = "", chat = this.demo.about.chat } = {}) {
    return `ws://127.0.0.1:${this.ports.http}${by}/ws/chat/${chat}/?lab=${name}`;
  }

  /** @param {object} options See {@link Visitor.enter}. */
  async visit(options) {
    return Visitor.enter(this, options);
  }

  /** An access token, made as any back end makes one. */
  token(user, lifeSeconds = 900) {
    const now = Math.floor(Date.now() / 1_000);
    const claims = { token_type: "access", exp: now + lifeSeconds, iat: now - 3_600, jti: crypto.randomUUID(), user_id: user, tenant: "demo" };
    const kid = JSON.parse(Buffer.from(this.demo.user("ana").token.split(".")[0], "base64url")).kid;
    const [head, body] = [{ alg: "HS256", typ: "JWT", kid }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
    return `${head}.${body}.${createHmac("sha256", SECRET).update(`${head}.${body}`).digest("base64url")}`;
  }

  /** Handshakes by their status, as nginx counted them, once there are as many as expected. */
  async handshakes(name, expected) {
    return soon(() => this.nginx.handshakes(name), ({ length }) => length >= expected);
  }

  /** One of the server's own figures, once it is as expected; 0 where nothing was counted yet. */
  async figure(name, labels, expected) {
    const read = async () => {
      const text = await (await fetch(`${this.demo.url}/metrics`)).text();
      const line = text.split("\n").find((each) => each.startsWith(`${name}${labels} `));
      return line ? Number(line.split(" ").at(-1)) : 0;
    };
    return soon(read, (found) => expected === undefined || found === expected);
  }

  /** A context whose tabs can be hidden and frozen. */
  async bareContext() {
    const bare = await launchBare(await freePort());
    this.#bare.push(bare);
    return bare.context;
  }

  async end() {
    await Promise.all([this.browser, ...this.#bare].map((each) => each?.close()));
    await this.nginx?.stop();
    await this.demo?.stop();
  }
}

/** Asks until the answer will do; at the end the answer stands as it is. */
export async function soon(ask, willDo) {
  const until = Date.now() + COUNTED_WITHIN_MS;
  for (;;) {
    const found = await ask();
    if (willDo(found) || Date.now() > until) return found;
    // sleeps because neither a log nor a figure tells when it is written
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The page, with the package's own entries as its import map, and a certificate that nobody vouches for. */
export async function furnish(folder) {
  const { exports } = JSON.parse(readFileSync(join(JS, "package.json"), "utf8"));
  const imports = Object.fromEntries(
    Object.entries(exports).map(([entry, target]) => [join("charla", entry), join("/js", target.default ?? target)]),
  );
  const map = `<script type="importmap">${JSON.stringify({ imports })}</script>`;
  const html = `<!doctype html><meta charset="utf-8"><title>lab</title><link rel="icon" href="data:,">${map}<script type="module" src="/lab/client.js"></script>`;
  await mkdir(join(folder, "page"));
  await writeFile(join(folder, "page/index.html"), html);
  const subject = ["-subj", "/CN=charla.test", "-addext", "subjectAltName=DNS:*.charla.test"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem"];
  await promisify(execFile)("openssl", ["req", "-x509", ...key, "-out", "cert.pem", "-days", "2", ...subject], { cwd: folder });
}
