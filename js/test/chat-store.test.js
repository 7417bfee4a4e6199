/** The hooks on top of it are tried with a real React in `tests/browser/react.test.mjs`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeServer } from "../fake-server.js";
import { storeOf } from "../src/chat-store.js";
import { Charla } from "../src/client.js";

const POLICY = { firstDelayMs: 1, maxDelayMs: 2, stableMs: 50 };

function chat(t, { login = "ana", said = 0 } = {}) {
  const server = new FakeServer();
  for (const each of ["ana", "luis", "eva"]) server.addUser(each);
  server.addChat("5", ["ana", "luis"], "Mudanza");
  for (let n = 1; n <= said; n += 1) server.post("5", "luis", `said ${n}`);
  const { WebSocket, fetch } = server;
  const client = new Charla({ url: "ws://fake/ws/", token: () => server.token(login), policy: POLICY, WebSocket, fetch, storage: null });
  t.after(() => client.close());
  const store = storeOf(client, "5");
  client.connect();
  return { server, client, store };
}

/** Looks at the store until a snapshot is as wanted. */
function shows(store, holds) {
  return new Promise((resolve) => {
    const off = store.subscribe(() => check());
    const check = () => {
      if (!holds(store.getSnapshot())) return;
      off();
      resolve(store.getSnapshot());
    };
    check();
  });
}

/** Somebody looks all the time, as a screen does. */
function watched(t, options) {
  const all = chat(t, options);
  let seen = 0;
  const off = all.store.subscribe(() => (seen += 1));
  t.after(off);
  return { ...all, changes: () => seen };
}

const texts = ({ messages }) => messages.map(({ text }) => text);

test("a chat is loaded, and what comes is added", async (t) => {
  const { server, store } = watched(t, { said: 2 });
  assert.deepEqual([store.getSnapshot().loading, store.getSnapshot().messages], [true, []]);
  const first = await shows(store, ({ loading }) => !loading);
  assert.deepEqual([texts(first), first.title, first.more], [["said 1", "said 2"], "Mudanza", false]);
  server.post("5", "luis", "live");
  const next = await shows(store, ({ messages }) => messages.length === 3);
  assert.deepEqual(texts(next), ["said 1", "said 2", "live"]);
  assert.equal(store.getSnapshot(), next, "the same object while nothing changes");
});

test("older pages come when they are asked for", async (t) => {
  const { store } = watched(t, { said: 120 });
  const first = await shows(store, ({ loading }) => !loading);
  assert.deepEqual([first.messages.length, first.messages[0].seq, first.more], [50, 71, true]);
  await Promise.all([store.loadMore(), store.loadMore()]);
  assert.deepEqual([store.getSnapshot().messages.length, store.getSnapshot().more], [100, true]);
  await store.loadMore();
  assert.deepEqual([store.getSnapshot().messages.length, store.getSnapshot().more], [120, false]);
  await store.loadMore();
  assert.equal(store.getSnapshot().messages.length, 120);
});

test("what I write stands there at once, and once", async (t) => {
  const { store } = watched(t);
  await shows(store, ({ loading }) => !loading);
  const sent = [store.send("ok"), store.send("ok", { order: 7 })];
  assert.deepEqual(store.getSnapshot().unsent.map(({ text, failed }) => [text, failed]), [["ok", null], ["ok", null]]);
  await Promise.all(sent);
  const view = await shows(store, ({ unsent }) => unsent.length === 0);
  assert.deepEqual(view.messages.map(({ seq, text, author }) => [seq, text, author.name]), [[1, "ok", "Ana"], [2, "ok", "Ana"]]);
  assert.equal(view.messages[1].data.order, 7);
});

test("what was handed back can be sent again or thrown away", async (t) => {
  const { store } = watched(t);
  await shows(store, ({ loading }) => !loading);
  const long = store.send("x".repeat(20_000));
  await assert.rejects(long, { cause: "message_too_long" });
  assert.deepEqual(store.getSnapshot().unsent.map(({ id, failed }) => [id, failed]), [[long.id, "message_too_long"]]);
  store.sendAgain(long.id);
  await shows(store, ({ unsent }) => unsent[0]?.failed === null);
  await shows(store, ({ unsent }) => unsent[0]?.failed === "message_too_long");
  store.discard(long.id);
  assert.deepEqual(store.getSnapshot().unsent, []);
});

test("edits, deletions, people and typing are seen", async (t) => {
  const { server, store } = watched(t, { said: 2 });
  await shows(store, ({ loading }) => !loading);
  const { WebSocket, fetch } = server;
  const luis = new Charla({ url: "ws://fake/ws/", token: () => server.token("luis"), policy: POLICY, WebSocket, fetch, storage: null });
  t.after(() => luis.close());
  await luis.connect().subscribe("5");
  assert.deepEqual((await shows(store, ({ online }) => online.length === 2)).online.map(({ name }) => name), ["Ana", "Luis"]);
  luis.typing("5", true);
  assert.equal((await shows(store, ({ typing }) => typing.length === 1)).typing[0].name, "Luis");
  luis.typing("5", false);
  await shows(store, ({ typing }) => typing.length === 0);
  await luis.edit("5", 1, "changed");
  await luis.delete("5", 2);
  const view = await shows(store, ({ messages }) => messages[1].deleted);
  assert.deepEqual(texts(view), ["changed", ""]);
  luis.close();
  await shows(store, ({ online }) => online.length === 1);
});

test("after a reconnect what was missed is there, and the state told why it was gone", async (t) => {
  const { server, store } = watched(t, { said: 1 });
  await shows(store, ({ loading }) => !loading);
  server.down = true;
  server.drop();
  const away = await shows(store, ({ state }) => state.name === "waiting" && state.cause !== null);
  assert.equal(away.state.cause, "server_unreachable");
  server.post("5", "luis", "missed");
  server.down = false;
  const back = await shows(store, ({ messages }) => messages.length === 2);
  assert.deepEqual(texts(back), ["said 1", "missed"]);
});

test("a chat that is not mine says so", async (t) => {
  const { store } = watched(t, { login: "eva" });
  const view = await shows(store, ({ refused }) => refused !== null);
  assert.deepEqual([view.refused, view.loading], ["not_a_member", false]);
});

test("looking twice enters once, and looking away leaves", async (t) => {
  const { server, client, store } = chat(t);
  assert.equal(storeOf(client, "5"), store);
  const once = store.subscribe(() => {});
  once();
  const again = store.subscribe(() => {});
  await shows(store, ({ loading }) => !loading);
  const frames = (type) => server.received.filter((frame) => frame.type === type).length;
  assert.deepEqual([frames("subscribe"), frames("unsubscribe")], [1, 0]);
  again();
  while (frames("unsubscribe") === 0) await client.history("5");
  assert.notEqual(storeOf(client, "5"), store);
});
