/**
 * @file What earlier releases left behind, against this program: their stores are opened, their clients are served, and what their
 * nodes say on the bus is understood. The records stand in `protocol/releases/`.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { soon } from "../clients/lab.mjs";
import { Charla, folder, person, Postgres, Redis, WebSocket } from "./release.mjs";

const RELEASES = new URL("../../protocol/releases/", import.meta.url).pathname;
const BINARY = process.env.CHARLA_BIN ?? new URL("../../target/debug/charla", import.meta.url).pathname;
const versions = readdirSync(RELEASES, { withFileTypes: true }).filter((entry) => entry.isDirectory());

for (const { name: version } of versions) {
  const at = (name) => join(RELEASES, version, name);
  const json = async (name) => JSON.parse(await readFile(at(name), "utf8"));

  /** A server of this program on that release's SQLite file. */
  async function onFile(t) {
    const data = await folder("upgrade");
    await writeFile(join(data, "charla.db"), gunzipSync(await readFile(at("charla.db.gz"))));
    const charla = new Charla(BINARY, { STORE_PATH: data });
    await charla.serve();
    t.after(async () => {
      await charla.stop();
      await rm(data, { recursive: true });
    });
    return charla;
  }

  /** The same on its PostgreSQL, with a bus. */
  async function onPostgres(t, more = {}) {
    const database = await Postgres.start();
    t.after(() => database.stop());
    await database.restore(gunzipSync(await readFile(at("postgres.sql.gz"))));
    const charla = new Charla(BINARY, { STORE_URL: database.url, ...more });
    await charla.serve();
    t.after(() => charla.stop());
    return charla;
  }

  test(`${version}: its SQLite file is opened, and everything is in it`, async (t) => {
    const charla = await onFile(t);
    await holds(charla, await json("sqlite.json"), 4);
  });

  test(`${version}: its PostgreSQL is opened, and everything is in it`, async (t) => {
    const charla = await onPostgres(t);
    await holds(charla, await json("postgres.json"), 3);
  });

  test(`${version}: its browser client does everything with this server`, async (t) => {
    const charla = await onFile(t);
    const client = await import(at("charla.js"));
    const [ana, luis] = [await person(client, charla, "ana"), await person(client, charla, "luis")];
    t.after(() => [ana, luis].forEach(({ client: one }) => one.close()));
    for (const { client: one, hears } of [ana, luis]) {
      one.subscribe("5", { after: 1, rev: 0 });
      one.connect();
      assert.equal((await hears("subscribed")).resumed, true);
    }
    assert.equal((await luis.hears("message", (message) => message.seq === 2)).text, "¿qué tal? 👋");
    await luis.hears("edited", ({ seq, text }) => seq === 1 && text === "hola a todos").catch(() => luis.hears("subscribed", ({ changed }) => changed.some(({ text }) => text === "hola a todos")));
    const { seq } = await ana.client.send("5", "after the upgrade");
    assert.equal((await luis.hears("message", (message) => message.seq === seq)).text, "after the upgrade");
    await ana.client.edit("5", seq, "edited");
    await luis.hears("edited", (edited) => edited.seq === seq);
    luis.client.typing("5", true);
    await ana.hears("typing", ({ on }) => on);
    luis.client.read("5", seq);
    await ana.hears("read", (read) => read.seq === seq);
    await ana.client.delete("5", seq);
    await luis.hears("deleted", (deleted) => deleted.seq === seq);
    const { messages, more } = await luis.client.history("5", { limit: 2 });
    assert.deepEqual([messages.length, messages[1].deleted, more], [2, true, true]);
    await assert.rejects(luis.client.edit("5", 2, "ana wrote it"), ({ cause }) => cause === "edit_forbidden");
    const { key } = await json("sqlite.json");
    await charla.call("/api/v1/chats/5/close", { key, method: "POST", body: { reason: "late" } });
    await ana.hears("closed", ({ reason }) => reason === "late");
    await charla.call("/api/v1/users/luis/disconnect", { key, method: "POST", body: {} });
    await luis.hears("state", ({ name, cause }) => name === "disabled" && cause === "disconnected_by_operator");
  });

  test(`${version}: what its Rust client sends is understood`, async (t) => {
    const charla = await onFile(t);
    const token = await charla.token("sofia");
    const socket = new WebSocket(`${charla.socket}chat/5/?token=${token}`, ["charla.v1"]);
    const heard = [];
    socket.on("message", (data) => heard.push(JSON.parse(data)));
    await once(socket, "open");
    const answers = { send: "ack", edit: "ack", delete: "ack", history: "history", subscribe: "subscribed" };
    const { ids } = await json("sqlite.json");
    let sent = null;
    for (const frame of await json("frames.json")) {
      // A message of the record's is in the store: sent again it is a repeat, which is tried elsewhere.
      if (frame.type === "send") frame.id = ids[0].replace(/.$/, "f");
      if ("seq" in frame) frame.seq = sent;
      socket.send(JSON.stringify(frame));
      const type = answers[frame.type];
      if (!type) continue;
      const answer = await soon(async () => heard.find((one) => one.ref === frame.ref && (one.type === type || one.type === "error")), Boolean);
      assert.equal(answer?.type, type, `${JSON.stringify(frame)}: ${JSON.stringify(heard)}`);
      sent ??= answer.seq;
    }
    socket.send(JSON.stringify({ type: "ping" }));
    assert.ok(await soon(async () => heard.find(({ type }) => type === "pong"), Boolean));
    assert.deepEqual(heard.filter(({ type }) => type === "error"), []);
    socket.close();
  });

  test(`${version}: what its nodes say on the bus is heard here`, async (t) => {
    const bus = await Redis.start();
    t.after(() => bus.stop());
    const charla = await onPostgres(t, { BROKER_URL: bus.url });
    const luis = await person(await import(at("charla.js")), charla, "luis");
    t.after(() => luis.client.close());
    luis.client.subscribe("5");
    luis.client.connect();
    await luis.hears("subscribed");
    const said = await json("bus.json");
    for (const topic of new Set(said.map(({ topic }) => topic))) {
      const listens = async () => Number(/:(\d+)\r\n$/.exec(await bus.command("PUBSUB", "NUMSUB", topic))[1]) > 0;
      assert.ok(await soon(listens, Boolean), `nobody listens to ${topic}`);
    }
    for (const { topic, payload } of said) await bus.command("PUBLISH", topic, payload);
    await luis.hears("message", ({ seq, text }) => seq === 4 && text === "and then");
    await luis.hears("edited", ({ seq, text }) => seq === 4 && text === "and then some");
    await luis.hears("deleted", ({ seq }) => seq === 4);
    await luis.hears("read", ({ seq }) => seq === 4);
    await luis.hears("closed", ({ reason }) => reason === "done");
    await luis.hears("reopened");
    await luis.hears("notification", ({ text }) => text === "pedido 8");
    await luis.hears("state", ({ cause }) => cause === "disconnected_by_operator");
    const unread = charla.program.lines.filter((line) => /unreadable|newer/i.test(line));
    assert.deepEqual(unread, []);
  });
}

/** Everything that the release showed is there as it was; fields may have come since. */
async function holds(charla, about, last) {
  const { key, ids } = about;
  const of = (path, as = key) => charla.call(path, { key: as });
  contains(await of("/api/v1/chats"), about.chats);
  contains(await of("/api/v1/chats/5/messages"), about.messages[5]);
  contains(await of("/api/v1/chats/6/messages"), about.messages[6]);
  contains(await of("/api/v1/chats/5/members"), about.members);
  contains(await of("/api/v1/users"), about.users);
  const luis = await charla.token("luis");
  contains(await of("/api/v1/me/notifications", luis), about.notifications);
  contains(await of("/api/v1/me/chats", luis), about.inbox);
  // A session that was open before the upgrade goes on, as long as it would have.
  const refreshed = await charla.call("/api/token/refresh/", { method: "POST", body: { refresh: about.refresh } }).catch((error) => error);
  if (Date.now() < Date.parse(about.refresh_until)) assert.ok(refreshed.access, String(refreshed));
  else assert.match(String(refreshed), /refresh_invalid/);
  await assert.rejects(charla.token("eva"), /user_blocked|login_failed/);
  const post = (chat, id, text) => charla.call(`/api/v1/chats/${chat}/messages`, { key, method: "POST", body: { id, author: "ana", text } });
  await assert.rejects(post(6, undefined, "too late"), /chat_closed/);
  const again = await post(5, ids[1], "¿qué tal? 👋").catch((error) => error);
  // The same words with other data are another message under that id.
  assert.match(String(again), /id_conflict/);
  const next = await post(5, undefined, "after the upgrade");
  assert.equal(next.seq, last + 1, "numbers go on without a gap");
}

/** Whatever stands in `old` stands in `now`. */
function contains(now, old, path = "") {
  if (Array.isArray(old)) {
    assert.equal(now?.length, old.length, path);
    old.forEach((one, n) => contains(now[n], one, `${path}[${n}]`));
  } else if (old !== null && typeof old === "object") {
    for (const [name, value] of Object.entries(old)) contains(now?.[name], value, `${path}.${name}`);
  } else assert.equal(now, old, path);
}
