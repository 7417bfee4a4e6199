/** @file The project in `project/`, served by a real uvicorn or daphne that a test may kill; who knocked stands in its own access log. */
import { execFile, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

import { soon } from "../clients/lab.mjs";
import { freePort } from "../proxy/nginx.mjs";

const PROJECT = new URL("./project/", import.meta.url).pathname;
const TOOLS = process.env.CHARLA_TOOLS_PYTHON ?? new URL("../../target/tools/python", import.meta.url).pathname;
const PYTHON = join(TOOLS, "bin/python");
const SECRET = "a secret of these tests alone, long enough";
/** All of Django, on a busy machine and for the first time. */
const READY_WITHIN_MS = 60_000;

/** How each is started, when it listens, and what it writes of a handshake. */
const SERVERS = {
  uvicorn: {
    args: (port) => ["-m", "uvicorn", "asgi:application", "--port", port],
    ready: /Uvicorn running on/,
    handshake: /"WebSocket (\S+)" (?:(\d+)|\[accepted\])/,
  },
  daphne: {
    args: (port) => ["-m", "daphne", "--access-log", "-", "--port", port, "asgi:application"],
    ready: /Listening on TCP address/,
    handshake: /"WSCONNECTING (\S+)"/,
  },
};

/** The tables and the people in them, on disk, for as many servers as there are. */
export class Database {
  static async make() {
    const database = new Database();
    database.folder = await mkdtemp(join(tmpdir(), "charla-channels-"));
    database.environment = {
      ...process.env,
      DJANGO_SECRET_KEY: SECRET,
      DJANGO_DATABASE: join(database.folder, "db.sqlite3"),
      // Compiled once for all runs, and never into the sources.
      PYTHONPYCACHEPREFIX: join(TOOLS, "pycache"),
      PYTHONUNBUFFERED: "1",
    };
    await promisify(execFile)(PYTHON, ["seed.py"], { cwd: PROJECT, env: database.environment });
    return database;
  }

  async remove() {
    await rm(this.folder, { recursive: true, force: true });
  }
}

export class Asgi {
  /** All it wrote, since it was first started. */
  lines = [];
  #child = null;

  /** @param {keyof typeof SERVERS} kind @param {Database} database */
  static async start(kind, database) {
    const server = new Asgi();
    server.kind = kind;
    server.environment = database.environment;
    server.port = await freePort();
    await server.up();
    return server;
  }

  /** Starts it, always on the same port. */
  async up() {
    const { args, ready } = SERVERS[this.kind];
    const child = spawn(PYTHON, args(String(this.port)), { cwd: PROJECT, env: this.environment, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    await new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`${this.kind} ${why}\n${this.lines.join("\n")}`));
      const timer = setTimeout(() => fail(`not ready after ${READY_WITHIN_MS} ms`), READY_WITHIN_MS);
      for (const stream of [child.stdout, child.stderr]) {
        createInterface(stream).on("line", (line) => {
          this.lines.push(line);
          if (!ready.test(line)) return;
          clearTimeout(timer);
          resolve();
        });
      }
      child.once("error", (error) => fail(error.message));
      child.once("exit", (code) => fail(`ended with ${code}`));
    });
  }

  /** @param {NodeJS.Signals} signal */
  async down(signal = "SIGKILL") {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  /**
   * Handshakes to addresses with this in them, as its own log counts them, once there are as many as expected.
   * @param {string} part daphne writes no parameters down.
   * @param {number} expected
   * @returns {Promise<number[]>} Their statuses; 0 where the line has none.
   */
  async handshakes(part, expected) {
    const { handshake } = SERVERS[this.kind];
    const read = () =>
      this.lines.flatMap((line) => {
        const [, address, status] = handshake.exec(line) ?? [];
        if (!address?.includes(part)) return [];
        return [line.includes("[accepted]") ? 101 : Number(status ?? 0)];
      });
    return soon(read, ({ length }) => length >= expected);
  }

  /** What the project's own loggers said of it. */
  warnings(pattern) {
    return this.lines.filter((line) => pattern.test(line)).length;
  }

  /** Signs in. @returns {Promise<{access: string, refresh: string}>} */
  async signIn(username) {
    return this.post("/api/token/", { username, password: username });
  }

  /** @param {string} path @param {unknown} body @param {string} [bearer] */
  async post(path, body, bearer) {
    const headers = { "content-type": "application/json", ...(bearer && { authorization: `Bearer ${bearer}` }) };
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }
}

/** An access token of user 1 (ana) that ran out half a minute ago, as SimpleJWT would have made it. */
export function expired() {
  const now = Math.floor(Date.now() / 1_000);
  const claims = { token_type: "access", exp: now - 30, iat: now - 330, jti: crypto.randomUUID().replaceAll("-", ""), user_id: "1" };
  const [head, body] = [{ alg: "HS256", typ: "JWT" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  return `${head}.${body}.${createHmac("sha256", SECRET).update(`${head}.${body}`).digest("base64url")}`;
}
