/** @file One release of Charla as a program, the databases under it and the bus beside it: what records a release, and what tries its record. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chown, mkdtemp, readdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { soon } from "../clients/lab.mjs";
import { Program } from "../django/program.mjs";
import { freePort } from "../proxy/nginx.mjs";

const MODULES = process.env.CHARLA_NODE_MODULES ?? join(process.env.CHARLA_TOOLS_NODE ?? ".", "node_modules");
/** Node 20 has no WebSocket of its own. */
export const { WebSocket } = createRequire(join(MODULES, "_"))("ws");
const POSTGRES = "/usr/lib/postgresql";
const run = promisify(execFile);

export async function folder(name) {
  return mkdtemp(join(tmpdir(), `charla-${name}-`));
}

/** A PostgreSQL of one's own, reached by a socket in its folder. */
export class Postgres {
  static async start() {
    const postgres = new Postgres();
    const versions = (await readdir(POSTGRES)).filter((name) => /^\d+$/.test(name)).sort((a, b) => b - a);
    postgres.programs = join(POSTGRES, versions[0], "bin");
    postgres.folder = await folder("pg");
    postgres.who = {};
    if (process.getuid() === 0) {
      // It refuses to run as root.
      const id = async (what) => Number((await run("id", [what, "postgres"])).stdout);
      postgres.who = { uid: await id("-u"), gid: await id("-g") };
      await chown(postgres.folder, postgres.who.uid, postgres.who.gid);
    }
    const data = join(postgres.folder, "data");
    await postgres.program("initdb", ["--username=charla", "--encoding=UTF8", "--locale=C", "--auth=trust", "--no-sync", data]);
    const args = ["-D", data, "-k", postgres.folder, "-c", "listen_addresses=", "-c", "shared_buffers=32MB"];
    postgres.server = await Program.start(join(postgres.programs, "postgres"), args, /ready to accept connections/, { ...postgres.who, cwd: postgres.folder });
    await postgres.program("createdb", [...postgres.place, "charla"]);
    return postgres;
  }

  get place() {
    return ["-h", this.folder, "-U", "charla"];
  }

  get url() {
    return `postgres:///charla?user=charla&host=${this.folder}`;
  }

  async program(name, args, input) {
    const running = run(join(this.programs, name), args, { ...this.who, cwd: this.folder, maxBuffer: 64 << 20 });
    running.child.stdin.end(input);
    return (await running).stdout;
  }

  /** Runs a dump. @param {string} sql */
  restore(sql) {
    return this.program("psql", [...this.place, "--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1", "-d", "charla"], sql);
  }

  /** Everything that is in it, as SQL; without what only newer tools understand. */
  async dump() {
    const sql = await this.program("pg_dump", [...this.place, "--inserts", "--no-owner", "--no-privileges", "charla"]);
    return sql.replace(/^\\(un)?restrict .*\n/gm, "");
  }

  async stop() {
    await this.server.down("SIGINT");
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A Redis without a file on the disk. */
export class Redis {
  static async start() {
    const redis = new Redis();
    redis.port = await freePort();
    redis.child = spawn("redis-server", ["--port", String(redis.port), "--bind", "127.0.0.1", "--save", ""], { stdio: "ignore" });
    const answers = async () => (await redis.command("PING").catch(() => "")).startsWith("+PONG");
    if (!(await soon(answers, Boolean))) throw new Error("redis-server does not start");
    return redis;
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`;
  }

  async #send(words) {
    const socket = connect(this.port, "127.0.0.1");
    await once(socket, "connect");
    socket.write(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`);
    return socket;
  }

  async command(...words) {
    const socket = await this.#send(words);
    const [answer] = await once(socket, "data");
    socket.destroy();
    return String(answer);
  }

  /** All that goes over it from now on. @returns {Promise<{said: {topic: string, payload: string}[], end: () => void}>} */
  async listen() {
    const socket = await this.#send(["PSUBSCRIBE", "*"]);
    const said = [];
    let unread = Buffer.alloc(0);
    const began = once(socket, "data");
    socket.on("data", (chunk) => {
      unread = Buffer.concat([unread, chunk]);
      for (;;) {
        const array = reply(unread);
        if (!array) return;
        unread = unread.subarray(array.length);
        const [kind, , topic, payload] = array.words;
        if (kind === "pmessage") said.push({ topic, payload });
      }
    });
    await began;
    return { said, end: () => socket.destroy() };
  }

  async stop() {
    const ended = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await ended;
  }
}

/** The first whole array of bulk strings and numbers, or nothing yet. */
function reply(bytes) {
  let at = 0;
  const line = () => {
    const end = bytes.indexOf("\r\n", at);
    if (end < 0) return null;
    const text = bytes.toString("utf8", at, end);
    at = end + 2;
    return text;
  };
  const head = line();
  if (head === null) return null;
  const words = [];
  for (let n = Number(head.slice(1)); n > 0; n -= 1) {
    const size = line();
    if (size === null) return null;
    if (!size.startsWith("$")) words.push(size.slice(1));
    else {
      const end = at + Number(size.slice(1));
      if (bytes.length < end + 2) return null;
      words.push(bytes.toString("utf8", at, end));
      at = end + 2;
    }
  }
  return { words, length: at };
}

/** A server, and the command line beside it, on one store. */
export class Charla {
  /** @param {string} binary @param {Record<string, string>} settings Variables without their `CHARLA_`. */
  constructor(binary, settings) {
    this.binary = binary;
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith("CHARLA_"));
    const given = Object.entries(settings).map(([name, value]) => [`CHARLA_${name}`, value]);
    this.env = Object.fromEntries([...own, ...given]);
  }

  /** A command that is not `serve`. */
  async command(...args) {
    const running = run(this.binary, args, { env: this.env });
    running.child.stdin.end();
    return (await running).stdout;
  }

  async serve() {
    this.port = await freePort();
    const args = ["serve", "--listen", `127.0.0.1:${this.port}`];
    this.program = await Program.start(this.binary, args, /listening/, { env: this.env });
    return this;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  get socket() {
    return `ws://127.0.0.1:${this.port}/ws/`;
  }

  /** A request; throws on what is no success. */
  async call(path, { key, method = "GET", body } = {}) {
    const headers = { "content-type": "application/json", ...(key ? { authorization: `Bearer ${key}` } : {}) };
    const answer = await fetch(`${this.url}${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  async token(user) {
    return (await this.call("/api/token/", { method: "POST", body: { username: user, password: user, tenant: "demo" } })).access;
  }

  stop() {
    return this.program.down();
  }
}

/**
 * A person with the browser client of some release.
 * @param {any} client Its module. @param {Charla} charla @param {string} user
 */
export async function person({ Charla: Client }, charla, user) {
  const token = await charla.token(user);
  const memory = new Map();
  const storage = { getItem: (name) => memory.get(name) ?? null, setItem: (name, value) => memory.set(name, value), removeItem: (name) => memory.delete(name) };
  const client = new Client({ url: charla.socket, token: () => token, WebSocket, fetch, storage });
  const heard = [];
  for (const type of ["subscribed", "message", "edited", "deleted", "read", "typing", "closed", "reopened", "notification", "presence", "state"])
    client.on(type, (detail) => heard.push({ ...detail, type }));
  /** Waits until something of that type was heard for which the test holds. */
  const hears = async (type, holds = () => true) => {
    const found = await soon(async () => heard.find((one) => one.type === type && holds(one)), Boolean);
    if (!found) throw new Error(`${user} never heard ${type}: ${JSON.stringify(heard)}`);
    return found;
  };
  return { client, heard, hears };
}
