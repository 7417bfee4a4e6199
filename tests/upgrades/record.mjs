/**
 * @file Makes the record of a release: its browser client, its stores with people and messages in them, what its nodes said to each
 * other and what its Rust client sent. `node tests/upgrades/record.mjs <binary> <version>`; run by `cargo xtask release-record`.
 */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, connect } from "node:net";
import { createRequire } from "node:module";
import { once } from "node:events";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { soon } from "../clients/lab.mjs";
import { Charla, folder, person, Postgres, Redis } from "./release.mjs";

const ROOT = new URL("../..", import.meta.url).pathname;
const [binary, version] = process.argv.slice(2);
if (!binary || !/^\d+\.\d+\.\d+$/.test(version ?? "")) throw new Error("record.mjs <binary> <version>");
const place = join(ROOT, "protocol/releases", version);
const at = (name) => join(place, name);
/** Ids of messages: what is sent again after the upgrade must be known to be a repeat. */
const ID = (n) => `018f0000-0000-7000-8000-${String(n).padStart(12, "0")}`;

await mkdir(place, { recursive: true });
await bundle();
const client = await import(at("charla.js"));
await sqlite();
await postgres();
console.log(`recorded ${version} in ${place}`);

/** The browser client as one file. */
async function bundle() {
  const modules = join(process.env.CHARLA_TOOLS_NODE, "node_modules");
  const { build } = createRequire(join(modules, "_"))("esbuild");
  await build({ entryPoints: [join(ROOT, "js/src/index.js")], bundle: true, format: "esm", minify: true, outfile: at("charla.js"), logLevel: "error" });
}

/** People, chats and a back end's key. @param {Charla} charla */
async function people(charla) {
  await charla.command("tenant", "add", "demo", "--name", "Demo");
  for (const [id, name, role] of [["ana", "Ana", "member"], ["luis", "Luis", "member"], ["sofia", "Sofía", "agent"], ["eva", "Eva", "member"]])
    await charla.command("user", "add", id, "--tenant", "demo", "--name", name, "--role", role, "--password", id);
  await charla.command("chat", "add", "5", "--tenant", "demo", "--title", "Cinco", "--member", "ana", "--member", "luis");
  await charla.command("chat", "add", "6", "--tenant", "demo", "--title", "Seis", "--member", "ana");
  await charla.command("user", "block", "eva", "--tenant", "demo");
  const [key] = /charla_\w+/.exec(await charla.command("key", "add", "back end", "--tenant", "demo"));
  return key;
}

/** An evening: what is said, edited, taken back, read and closed. @param {Charla} charla @param {string} key */
async function evening(charla, key) {
  const ana = await person(client, charla, "ana");
  const luis = await person(client, charla, "luis");
  for (const { client: one, hears } of [ana, luis]) {
    one.subscribe("5");
    one.connect();
    await hears("subscribed");
  }
  await ana.client.send("5", "hola", { id: ID(1) });
  await ana.client.send("5", "¿qué tal? 👋", { id: ID(2), data: { mood: "good" } });
  await luis.client.send("5", "bien", { id: ID(3) });
  await ana.client.edit("5", 1, "hola a todos");
  await luis.client.delete("5", 3);
  ana.client.read("5", 3);
  await luis.hears("read", ({ seq }) => seq === 3);
  await charla.call("/api/v1/chats/6/messages", { key, method: "POST", body: { id: ID(4), author: "ana", text: "adiós" } });
  await charla.call("/api/v1/chats/6/close", { key, method: "POST", body: {} });
  await charla.call("/api/v1/users/luis/notifications", { key, method: "POST", body: { kind: "order", text: "pedido 7", url: "/orders/7" } });
  return { ana, luis };
}

/** What can be read of it over the interface. @param {Charla} charla */
async function seen(charla, key) {
  const of = (path) => charla.call(path, { key });
  const refresh = await charla.call("/api/token/", { method: "POST", body: { username: "ana", password: "ana", tenant: "demo" } });
  return {
    key,
    ids: [1, 2, 3, 4].map(ID),
    refresh: refresh.refresh,
    refresh_until: new Date(Date.now() + 365 * 86_400_000).toISOString(),
    chats: await of("/api/v1/chats"),
    messages: { 5: await of("/api/v1/chats/5/messages"), 6: await of("/api/v1/chats/6/messages") },
    members: await of("/api/v1/chats/5/members"),
    users: await of("/api/v1/users"),
    notifications: await charla.call("/api/v1/me/notifications", { key: await charla.token("luis") }),
    inbox: await charla.call("/api/v1/me/chats", { key: await charla.token("luis") }),
  };
}

async function sqlite() {
  const data = await folder("record");
  const charla = new Charla(binary, { STORE_PATH: data, AUTH_REFRESH_TTL: "365d" });
  const key = await people(charla);
  await charla.serve();
  const { ana, luis } = await evening(charla, key);
  await writeFile(at("frames.json"), `${JSON.stringify(await frames(charla), null, 1)}\n`);
  const about = await seen(charla, key);
  ana.client.close();
  luis.client.close();
  await charla.stop();
  await writeFile(at("sqlite.json"), `${JSON.stringify(about, null, 1)}\n`);
  await writeFile(at("charla.db.gz"), gzipSync(await readFile(join(data, "charla.db")), { level: 9 }));
  await rm(data, { recursive: true });
}

async function postgres() {
  const [database, bus] = await Promise.all([Postgres.start(), Redis.start()]);
  const charla = new Charla(binary, { STORE_URL: database.url, BROKER_URL: bus.url, AUTH_REFRESH_TTL: "365d" });
  const key = await people(charla);
  await charla.serve();
  const { ana, luis } = await evening(charla, key);
  const about = await seen(charla, key);
  await writeFile(at("postgres.json"), `${JSON.stringify(about, null, 1)}\n`);
  await writeFile(at("postgres.sql.gz"), gzipSync(await database.dump(), { level: 9 }));
  const { said, end } = await bus.listen();
  await later(charla, key, ana, luis);
  end();
  // What is about the recorded node itself has nothing to say to another's clients.
  const told = said.filter(({ topic, payload }) => !/:canary:/.test(topic) && !/"what":"(node|connections|presence|moved)"/.test(payload));
  await writeFile(at("bus.json"), `${JSON.stringify(told, null, 1)}\n`);
  ana.client.close();
  luis.client.close();
  await charla.stop();
  await Promise.all([database.stop(), bus.stop()]);
}

/** What happens after the dump: the bus tells it to a node of another release that has the dump. */
async function later(charla, key, ana, luis) {
  const { seq } = await ana.client.send("5", "and then", { id: ID(5) });
  await ana.client.edit("5", seq, "and then some");
  await luis.client.typing("5", true);
  await ana.hears("typing", ({ on }) => on);
  luis.client.read("5", seq);
  await ana.hears("read", (read) => read.seq === seq);
  await ana.client.delete("5", seq);
  await charla.call("/api/v1/chats/5/close", { key, method: "POST", body: { reason: "done" } });
  await charla.call("/api/v1/chats/5/reopen", { key, method: "POST", body: {} });
  await charla.call("/api/v1/users/luis/notifications", { key, method: "POST", body: { kind: "order", text: "pedido 8" } });
  await luis.hears("notification", ({ text }) => text === "pedido 8");
  await charla.call("/api/v1/users/luis/disconnect", { key, method: "POST", body: {} });
  await luis.hears("state", ({ cause }) => cause === "disconnected_by_operator");
}

/** What the Rust client sends, by `charla connect`, through a wire that is listened to. @param {Charla} charla */
async function frames(charla) {
  const sent = [];
  const wire = createServer((socket) => {
    const upstream = connect(charla.port, "127.0.0.1");
    socket.pipe(upstream).pipe(socket);
    const read = reader((text) => sent.push(text));
    socket.on("data", read);
    for (const end of [socket, upstream]) end.on("error", () => end.destroy());
  }).listen(0, "127.0.0.1");
  await once(wire, "listening");
  const token = await charla.token("sofia");
  const args = ["connect", `ws://127.0.0.1:${wire.address().port}/ws/chat/5/`, "--json"];
  const connected = spawn(binary, args, { env: { ...charla.env, CHARLA_TOKEN: token }, stdio: ["pipe", "pipe", "inherit"] });
  let said = "";
  connected.stdout.on("data", (chunk) => (said += chunk));
  const hears = async (what) => {
    if (!(await soon(async () => what.test(said), Boolean))) throw new Error(`${what} was not heard: ${said}`);
  };
  const type = (line) => connected.stdin.write(`${line}\n`);
  await hears(/"type":"subscribed"/);
  type("from the terminal");
  await hears(/"text":"from the terminal"/);
  type("/edit 4 from a terminal");
  await hears(/"type":"edited"/);
  type("/history 2");
  await hears(/"type":"history"/);
  type("/typing");
  type("/read");
  type("/delete 4");
  await hears(/"type":"deleted"/);
  type("/quit");
  await once(connected, "exit");
  wire.close();
  return sent.map((text) => JSON.parse(text));
}

/** Reads the head of a handshake, then the text frames of a client, which are masked (RFC 6455, 5.2). @param {(text: string) => void} tell */
function reader(tell) {
  let unread = Buffer.alloc(0);
  let upgraded = false;
  return (chunk) => {
    unread = Buffer.concat([unread, chunk]);
    if (!upgraded) {
      const end = unread.indexOf("\r\n\r\n");
      if (end < 0) return;
      upgraded = /upgrade: websocket/i.test(unread.toString("latin1", 0, end));
      if (!upgraded) return;
      unread = unread.subarray(end + 4);
    }
    for (;;) {
      if (unread.length < 2) return;
      const opcode = unread[0] & 15;
      const short = unread[1] & 127;
      const wide = short === 126 ? 2 : short === 127 ? 8 : 0;
      if (unread.length < 6 + wide) return;
      const size = wide === 2 ? unread.readUInt16BE(2) : wide === 8 ? Number(unread.readBigUInt64BE(2)) : short;
      const body = 6 + wide;
      if (unread.length < body + size) return;
      const mask = unread.subarray(body - 4, body);
      const payload = Buffer.from(unread.subarray(body, body + size)).map((byte, n) => byte ^ mask[n % 4]);
      if (opcode === 1) tell(payload.toString("utf8"));
      unread = unread.subarray(body + size);
    }
  };
}
