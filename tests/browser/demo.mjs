/** @file A demo server of one's own: started on a free port, killed and started again at will. */
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const BINARY = process.env.CHARLA_BIN ?? new URL("../../target/debug/charla", import.meta.url).pathname;
/** Variables named CHARLA_ are settings to the server, and ours are none. */
const ENVIRONMENT = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("CHARLA_")));
/** A debug build on a busy machine. */
const READY_WITHIN_MS = 60_000;

export class Demo {
  #child = null;
  #said = [];
  #data;
  #listen = "127.0.0.1:0";
  #settings;
  #limits;

  /** @param {Record<string, string>} settings @param {boolean} limited */
  constructor(settings, limited) {
    this.#limits = limited ? [] : ["--no-limits"];
    this.#settings = Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  }

  /**
   * @param {Record<string, string>} [settings] Keys of the configuration with their values.
   * @param {{limited?: boolean}} [options] Whether the limits on rates hold.
   * @returns {Promise<Demo>} Listening, with what it printed about itself.
   */
  static async start(settings = {}, { limited = false } = {}) {
    const demo = new Demo(settings, limited);
    demo.#data = await mkdtemp(join(tmpdir(), "charla-browser-"));
    await demo.up();
    return demo;
  }

  /** Starts it, after the first time on the same port and with the same data. */
  async up() {
    const args = ["demo", "--listen", this.#listen, "--data", this.#data, "--json", ...this.#limits, ...this.#settings];
    const child = spawn(BINARY, args, { env: ENVIRONMENT, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    const said = (this.#said = []);
    child.stderr.on("data", (chunk) => said.push(chunk));
    const line = await new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`${why}\n${Buffer.concat(said)}`));
      const timer = setTimeout(() => fail(`not ready after ${READY_WITHIN_MS} ms`), READY_WITHIN_MS);
      createInterface(child.stdout).once("line", (text) => {
        clearTimeout(timer);
        resolve(text);
      });
      child.once("error", (error) => fail(error.message));
      child.once("exit", (code) => fail(`ended with ${code}`));
    });
    this.about = JSON.parse(line);
    this.url = this.about.url.replace(/\/$/, "");
    this.#listen = new URL(this.url).host;
  }

  /** @param {NodeJS.Signals} signal */
  async down(signal = "SIGKILL") {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  /** What it wrote since it was started last. */
  log() {
    return Buffer.concat(this.#said).toString();
  }

  async stop() {
    await this.down();
    await rm(this.#data, { recursive: true, force: true });
  }

  /** One command of the command line on the store, while the server is down. @returns {Promise<any>} Its JSON. */
  async command(...args) {
    const { stdout } = await promisify(execFile)(BINARY, [...args, "--data", this.#data, "--tenant", this.about.tenant, "--json"], { env: ENVIRONMENT });
    return stdout.trim() === "" ? null : JSON.parse(stdout);
  }

  /** @param {string} id */
  user(id) {
    return this.about.users.find((user) => user.id === id);
  }

  /** The address at which this person is signed in at once. */
  address(name, path = "/", { token, refresh } = this.user(name)) {
    const fragment = new URLSearchParams({ token, ...(refresh ? { refresh } : {}) });
    return `${this.url}${path}#${fragment}`;
  }

  /** A call of the REST API in that person's name. */
  async api(name, path, method = "GET") {
    return this.call(this.user(name).token, path, method);
  }

  /** @param {string} bearer A person's token, or a back end's key. @param {unknown} [body] */
  async call(bearer, path, method = "GET", body) {
    const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
    const response = await fetch(this.url + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? null : JSON.parse(text);
  }
}
