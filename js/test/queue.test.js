/** @file Sends end in an ack or in a word, and may outlive the page. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { client, collect, event, fakeServer, state } from "./people.js";

/** What a database would do. */
function queue(...entries) {
  const kept = new Map(entries.map((entry) => [entry.id, entry]));
  return { kept, load: async () => [...kept.values()], put: async (entry) => kept.set(entry.id, entry), remove: async (id) => kept.delete(id) };
}

const entry = (id, text, queuedAt = Date.now()) => ({ id, chat: "5", text, queuedAt });
const texts = (server) => server.chats.get("5").messages.map(({ text }) => text);
const drops = (charla) => charla.report().notes.filter(({ kind }) => kind === "drop").map(({ id, cause }) => [id, cause]);

test("a full queue refuses, and says so", async (t) => {
  const ana = client(t, fakeServer(), "ana", { outbox: { maxCount: 1 } });
  const first = ana.send("5", "kept");
  const second = ana.send("5", "refused");
  await assert.rejects(second, { cause: "outbox_full", retry: "wait" });
  assert.deepEqual(drops(ana), [[second.id, "outbox_full"]]);
  assert.deepEqual(ana.unsent.map(({ text }) => text), ["kept"]);
  ana.connect();
  assert.equal((await first).seq, 1);
});

test("what grows too old is handed back in its time, connection or not", async (t) => {
  const ana = client(t, fakeServer(), "ana", { outbox: { maxAgeMs: 20 } });
  const sent = ana.send("5", "late");
  await assert.rejects(sent, { cause: "outbox_expired" });
  assert.deepEqual(drops(ana), [[sent.id, "outbox_expired"]]);
  assert.deepEqual(ana.unsent, []);
});

test("the same id is the same send", async (t) => {
  const ana = client(t, fakeServer());
  const first = ana.send("5", "once");
  const again = ana.send("5", "once", { id: first.id });
  ana.connect();
  assert.deepEqual(await Promise.all([first, again]), [await first, await first]);
  assert.equal(ana.unsent.length, 0);
});

test("what an earlier load could not send goes out first, under its old id, and is then forgotten", async (t) => {
  const server = fakeServer();
  const store = queue(entry("0190-a", "earlier"), { ...entry("0190-b", "with data"), data: { file: 7 } });
  const ana = client(t, server, "ana", { queue: store });
  const sent = ana.send("5", "now");
  ana.connect();
  await sent;
  assert.deepEqual(texts(server), ["earlier", "with data", "now"]);
  assert.deepEqual(server.chats.get("5").messages.map(({ id }) => id), ["0190-a", "0190-b", sent.id]);
  assert.deepEqual(server.chats.get("5").messages[1].data, { file: 7 });
  await new Promise(setImmediate);
  assert.deepEqual([...store.kept], []);
});

test("an earlier send that was stored after all is stored once", async (t) => {
  const server = fakeServer();
  server.post("5", "ana", "earlier", { id: "0190-a" });
  const store = queue(entry("0190-a", "earlier"));
  const ana = client(t, server, "ana", { queue: store });
  await ana.connect().subscribe("5");
  await ana.send("5", "now");
  assert.deepEqual(texts(server), ["earlier", "now"]);
  assert.equal(store.kept.size, 0);
});

test("an earlier send that is too old is reported, not sent", async (t) => {
  const server = fakeServer();
  const store = queue(entry("0190-a", "yesterday", Date.now() - 86_400_000));
  const ana = client(t, server, "ana", { queue: store });
  const { id, cause } = await event(ana.connect(), "trace", ({ kind }) => kind === "drop");
  assert.deepEqual([id, cause], ["0190-a", "outbox_expired"]);
  await ana.subscribe("5");
  assert.deepEqual(texts(server), []);
  assert.equal(store.kept.size, 0);
});

test("a kept send survives exhaustion and goes out when somebody tries again", async (t) => {
  const server = fakeServer();
  server.down = true;
  const store = queue();
  const ana = client(t, server, "ana", { queue: store });
  const sent = ana.send("5", "kept");
  await state(ana.connect(), "disabled");
  assert.equal(store.kept.size, 1);
  server.down = false;
  ana.connect();
  assert.equal((await sent).seq, 1);
});

test("closing hands sends back, and what is stored waits for the next load", async (t) => {
  const server = fakeServer();
  const store = queue();
  const first = client(t, server, "ana", { queue: store });
  const sent = first.send("5", "later");
  first.connect();
  first.close();
  await assert.rejects(sent, { cause: "closed" });
  const next = client(t, server, "ana", { queue: store });
  const seen = collect(next);
  await next.connect().subscribe("5");
  while (seen.length === 0) await event(next, "message");
  assert.deepEqual(texts(server), ["later"]);
});

test("a store that fails costs nothing but the safety", async (t) => {
  const server = fakeServer();
  const fail = () => Promise.reject(new DOMException("no room", "QuotaExceededError"));
  const ana = client(t, server, "ana", { queue: { load: fail, put: fail, remove: fail } });
  assert.equal((await ana.connect().send("5", "hola")).seq, 1);
  const broken = () => {
    throw new TypeError("no store");
  };
  const luis = client(t, server, "luis", { queue: { load: broken, put: broken, remove: broken } });
  assert.equal((await luis.connect().send("5", "hola")).seq, 2);
});

test("a refusal for good takes the send out of the store too", async (t) => {
  const server = fakeServer();
  const store = queue();
  const eva = client(t, server, "eva", { queue: store });
  await assert.rejects(eva.connect().send("5", "let me in"), { cause: "not_a_member" });
  await new Promise(setImmediate);
  assert.equal(store.kept.size, 0);
});

test("nothing overtakes what an earlier load left, however slow the store", async (t) => {
  const server = fakeServer();
  let open;
  const store = { ...queue(), load: () => new Promise((resolve) => (open = () => resolve([entry("0190-a", "earlier")]))) };
  const ana = client(t, server, "ana", { queue: store });
  await ana.connect().subscribe("5");
  const sent = ana.send("5", "now");
  await ana.history("5");
  assert.deepEqual(texts(server), []);
  open();
  assert.equal((await sent).seq, 2);
  assert.deepEqual(texts(server), ["earlier", "now"]);
});

test("a client that is closed while its store opens leaves the store alone", async (t) => {
  const store = queue(entry("0190-a", "earlier"));
  const ana = client(t, fakeServer(), "ana", { queue: store });
  ana.connect().close();
  await new Promise(setImmediate);
  assert.equal(store.kept.size, 1);
});

test("a bound of a month is no reason to wake every millisecond", async (t) => {
  const ana = client(t, fakeServer(), "ana", { outbox: { maxAgeMs: 30 * 86_400_000 } });
  const warned = [];
  const warn = ({ name }) => warned.push(name);
  process.on("warning", warn);
  t.after(() => process.off("warning", warn));
  ana.send("5", "hola").catch(() => {});
  await new Promise(setImmediate);
  assert.deepEqual(warned, []);
});

test("a store that never opens is waited for only so long, and that is told", async (t) => {
  const { setTimeout } = globalThis;
  t.mock.method(globalThis, "setTimeout", (act, ms) => setTimeout(act, ms === 4_000 ? 50 : ms));
  const server = fakeServer();
  const ana = client(t, server, "ana", { queue: { ...queue(), load: () => new Promise(() => {}) } });
  await ana.connect().subscribe("5");
  const told = event(ana, "trace", ({ kind }) => kind === "queue");
  const sent = ana.send("5", "hola");
  assert.deepEqual(texts(server), []);
  assert.equal((await told).cause, "queue_unavailable");
  assert.equal((await sent).seq, 1);
});

test("a flood of refused sends is told one by one, and kept as one note", async (t) => {
  const ana = client(t, fakeServer(), "ana", { outbox: { maxCount: 1 } });
  const told = collect(ana, "trace");
  ana.connect();
  const before = ana.report().notes.length;
  ana.send("5", "kept").catch(() => {});
  await Promise.allSettled(Array.from({ length: 1_000 }, () => ana.send("5", "refused")));
  const { notes } = ana.report();
  assert.equal(told.filter(({ kind }) => kind === "drop").length >= 999, true);
  assert.ok(notes.length < before + 20, `${notes.length} notes`);
  assert.ok(notes.some(({ kind, count }) => kind === "drop" && count > 900));
});
