/** Tabs as instances in one process, with Node's own BroadcastChannel; real tabs are in `tests/browser/tabs.test.mjs`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeServer } from "../fake-server.js";
import { attach, locate } from "../src/attach.js";
import { SharedCharla, sharedToken } from "../src/tabs.js";

/** The Web Locks of one origin: exclusive, in line, with `steal`, `ifAvailable` and `signal`. */
class Locks {
  #held = new Map();
  #lines = new Map();

  request(name, ...rest) {
    const [{ signal, steal, ifAvailable }, act] = rest.length === 1 ? [{}, rest[0]] : rest;
    const held = this.#held.get(name);
    if (held && ifAvailable) return Promise.resolve(act(null));
    if (held && steal) held.rob();
    else if (held) return this.#wait(name, signal, act);
    return this.#hold(name, act);
  }

  #wait(name, signal, act) {
    return new Promise((resolve, reject) => {
      const line = this.#lines.get(name) ?? [];
      this.#lines.set(name, line);
      const place = () => this.#hold(name, act).then(resolve, reject);
      line.push(place);
      signal?.addEventListener("abort", () => {
        if (!line.includes(place)) return;
        line.splice(line.indexOf(place), 1);
        reject(signal.reason);
      });
    });
  }

  #hold(name, act) {
    return new Promise((resolve, reject) => {
      const lock = { rob: () => reject(new DOMException("stolen", "AbortError")) };
      this.#held.set(name, lock);
      const next = () => {
        if (this.#held.get(name) !== lock) return;
        this.#held.delete(name);
        this.#lines.get(name)?.shift()?.();
      };
      Promise.resolve(act({ name })).then(resolve, reject).finally(next);
    });
  }
}

const POLICY = { firstDelayMs: 1, maxDelayMs: 2, stableMs: 50 };
let names = 0;

/** An origin with its tabs, all of one person. */
function origin(t, more = {}) {
  const server = new FakeServer();
  for (const login of ["ana", "luis"]) server.addUser(login);
  server.addChat("5", ["ana", "luis"]);
  const locks = new Locks();
  const name = `test-${names++}`;
  const tab = (options = {}) => {
    const one = new SharedCharla({
      url: "ws://fake/ws/", name, locks, token: () => server.token("ana"), policy: POLICY,
      WebSocket: server.WebSocket, fetch: server.fetch, storage: null, ...more, ...options,
    });
    t.after(() => one.close());
    return one;
  };
  return { server, tab };
}

function event(charla, type, holds = () => true) {
  return new Promise((resolve) => {
    const off = charla.on(type, (detail) => {
      if (!holds(detail)) return;
      off();
      resolve(detail);
    });
  });
}

function connected(charla) {
  return charla.connected ? Promise.resolve() : event(charla, "state", ({ name }) => name === "connected");
}

function collect(charla, type = "message") {
  const seen = [];
  charla.on(type, (detail) => seen.push(detail));
  return seen;
}

async function two(t, more) {
  const { server, tab } = origin(t, more);
  const [first, second] = [tab(), tab()];
  first.connect();
  await connected(first);
  second.connect();
  await connected(second);
  return { server, tab, first, second };
}

test("two tabs share one connection, and both see who they are", async (t) => {
  const { server, first, second } = await two(t);
  assert.equal(server.handshakes, 1);
  assert.deepEqual([first.leads, second.leads], [true, false]);
  assert.equal(second.welcome.user.name, "Ana");
});

test("either tab writes, both read, and each message comes once", async (t) => {
  const { server, first, second } = await two(t);
  await Promise.all([first.subscribe("5"), second.subscribe("5")]);
  const [one, other] = [collect(first), collect(second)];
  const acks = await Promise.all([first.send("5", "ok"), second.send("5", "ok")]);
  assert.deepEqual(acks.map(({ seq }) => seq).sort(), [1, 2]);
  server.post("5", "luis", "end");
  while (one.length < 3) await event(first, "message");
  while (other.length < 3) await event(second, "message");
  for (const seen of [one, other]) assert.deepEqual(seen.map(({ seq, text }) => [seq, text]), [[1, "ok"], [2, "ok"], [3, "end"]]);
});

test("the leader closes while a send is unacknowledged: it goes out again under its id, once", async (t) => {
  const { server, first, second } = await two(t);
  await Promise.all([first.subscribe("5"), second.subscribe("5")]);
  const seen = collect(second);
  server.lose(1);
  const sent = second.send("5", "kept");
  while (!server.received.some(({ type }) => type === "send")) await event(first, "trace");
  first.close();
  const ack = await sent;
  assert.equal(ack.seq, 1);
  assert.equal(second.leads, true);
  assert.deepEqual(server.chats.get("5").messages.map(({ text }) => text), ["kept"]);
  server.post("5", "luis", "after");
  while (seen.length < 2) await event(second, "message");
  assert.deepEqual(seen.map(({ seq }) => seq), [1, 2]);
});

test("what is said between two leaders is not missed, nor heard twice", async (t) => {
  const { server, first, second } = await two(t);
  await Promise.all([first.subscribe("5"), second.subscribe("5")]);
  const seen = collect(second);
  server.post("5", "luis", "before");
  while (seen.length < 1) await event(second, "message");
  server.down = true;
  first.close();
  server.post("5", "luis", "between");
  server.down = false;
  while (seen.length < 2) await event(second, "message");
  server.post("5", "luis", "after");
  while (seen.length < 3) await event(second, "message");
  assert.deepEqual(seen.map(({ seq, text }) => [seq, text]), [[1, "before"], [2, "between"], [3, "after"]]);
});

test("a tab that comes late resumes from where it stood, edits too, and the others hear nothing of it", async (t) => {
  const { server, first, tab } = await two(t);
  for (const n of [1, 2, 3]) server.post("5", "luis", `said ${n}`);
  await first.subscribe("5", { after: 3, rev: 0 });
  Object.assign(server.chats.get("5").messages[0], { text: "changed", rev: 1 });
  server.chats.get("5").rev = 1;
  const quiet = collect(first);
  const late = tab();
  const [seen, edited] = [collect(late), collect(late, "edited")];
  late.connect();
  const frame = await late.subscribe("5", { after: 1, rev: 0 });
  assert.equal(frame.resumed, true);
  assert.deepEqual(seen.map(({ seq }) => seq), [2, 3]);
  assert.deepEqual(edited.map(({ seq, text }) => [seq, text]), [[1, "changed"]]);
  assert.deepEqual(quiet, []);
});

test("a chat that only another tab has open moves this one's inbox", async (t) => {
  const { server, first, second } = await two(t);
  await first.subscribe("5");
  const moved = event(second, "inbox");
  const silent = collect(first, "inbox");
  server.post("5", "luis", "hola");
  const { chat, unread, preview, title } = await moved;
  assert.deepEqual([chat, unread, preview, title], ["5", 1, "hola", "Chat 5"]);
  assert.deepEqual(silent, []);
});

test("a chat is left when the last tab leaves it", async (t) => {
  const { server, first, second } = await two(t);
  await Promise.all([first.subscribe("5"), second.subscribe("5")]);
  const left = () => server.received.filter(({ type }) => type === "unsubscribe").length;
  first.unsubscribe("5");
  const heard = event(second, "message");
  server.post("5", "luis", "still here");
  await heard;
  assert.equal(left(), 0);
  second.unsubscribe("5");
  // Answered after it, on the same channel.
  await second.history("5");
  assert.equal(left(), 1);
});

test("requests of either tab are answered, refusals with their cause", async (t) => {
  const { server, first, second } = await two(t);
  await assert.rejects(second.subscribe("999"), { cause: "chat_not_found", retry: "stop" });
  await second.subscribe("5");
  const { seq } = await second.send("5", "hola", { data: { order: 7 } });
  assert.equal((await first.history("5")).messages[0].data.order, 7);
  assert.equal((await second.edit("5", seq, "adiós")).seq, seq);
  await assert.rejects(second.edit("5", 99, "x"), { cause: "message_not_found" });
  second.typing("5", true);
  second.read("5", seq);
  await second.delete("5", seq);
  assert.equal((await second.history("5")).messages[0].deleted, true);
  assert.ok(server.received.some(({ type, on }) => type === "typing" && on));
  assert.equal(server.chats.get("5").reads.get("41"), seq);
});

test("a tab that follows attaches a file, sends it and says where it is", async (t) => {
  const { server, first, second } = await two(t);
  await Promise.all([first.subscribe("5"), second.subscribe("5")]);
  const heard = event(first, "message");
  const fetch = /** @type {any} */ (server.fetch);
  const attachment = await attach(second, "5", new File(["hola"], "a.txt", { type: "text/plain" }), { fetch });
  assert.deepEqual({ ...attachment, id: "" }, { id: "", name: "a.txt", type: "text/plain", bytes: 4 });
  await second.send("5", "", { attachments: [attachment.id] });
  assert.deepEqual((await heard).attachments, [attachment]);
  for (const tab of [first, second]) {
    const { url, until } = await locate(tab, "5", attachment.id);
    assert.equal(new URL(url).origin, "http://fake");
    assert.ok(until > new Date());
    assert.equal(await (await server.fetch(url)).text(), "hola");
    await assert.rejects(locate(tab, "5", "another"), { cause: "attachment_not_found", retry: "stop" });
    await assert.rejects(tab.send("5", "", { attachments: [attachment.id] }), { cause: "attachment_not_found" });
  }
  assert.equal(server.handshakes, 1);
});

test("a send keeps its files when the leader goes, and who asked it for an address asks again", async (t) => {
  const { server, first, second } = await two(t);
  await Promise.all([first.subscribe("5"), second.subscribe("5")]);
  const fetch = /** @type {any} */ (server.fetch);
  const attachment = await attach(second, "5", new File(["hola"], "a.txt", { type: "text/plain" }), { fetch });
  server.lose(1);
  const sent = second.send("5", "", { attachments: [attachment.id] });
  assert.deepEqual(second.unsent.map(({ attachments }) => attachments), [[attachment.id]]);
  while (!server.received.some(({ type }) => type === "send")) await event(first, "trace");
  const asked = assert.rejects(locate(second, "5", attachment.id), { cause: "connection_lost", retry: "backoff" });
  first.close();
  await asked;
  await sent;
  assert.equal(second.leads, true);
  assert.deepEqual(server.chats.get("5").messages.map(({ attachments }) => attachments), [[attachment]]);
  assert.match((await locate(second, "5", attachment.id)).url, /^http:\/\/fake\/attachments\//);
});

test("the report of any tab is that of the connection", async (t) => {
  const { first, second } = await two(t);
  const [own, asked] = await Promise.all([first.report(), second.report()]);
  assert.equal(asked.charla_report, 1);
  assert.deepEqual(asked.notes, own.notes);
  assert.doesNotMatch(JSON.stringify(asked), /ana~/);
});

test("every tab hears the trace, so that each can write it to its console", async (t) => {
  const { server, first, second } = await two(t);
  const heard = event(second, "trace", ({ kind, phase }) => kind === "socket" && phase === "closed");
  server.drop();
  assert.equal((await heard).code, 1006);
  await connected(first);
});

test("a server that is gone is given up once for all tabs, and a new tab or a click begins anew", async (t) => {
  const { server, tab } = origin(t);
  server.down = true;
  const [first, second] = [tab(), tab()];
  const ends = [first, second].map((each) => event(each, "state", ({ name }) => name === "disabled"));
  const opened = collect(first, "trace");
  first.connect();
  second.connect();
  const [end] = await Promise.all(ends);
  assert.deepEqual([end.exhausted, end.cause], [true, "server_unreachable"]);
  assert.equal(opened.filter(({ kind, phase }) => kind === "socket" && phase === "opening").length, 15);
  await assert.rejects(second.send("5", "hola"), { cause: "server_unreachable" });
  server.down = false;
  second.connect();
  await Promise.all([connected(first), connected(second)]);
});

test("a tab that subscribes once the client gave up is told so, and gets the chat with the next connection", async (t) => {
  const { server, tab } = origin(t);
  server.down = true;
  const first = tab();
  first.connect();
  while (first.state.name !== "disabled") await event(first, "state");
  await assert.rejects(first.subscribe("5"), { cause: first.state.cause });
  server.down = false;
  const entered = event(first, "subscribed");
  first.connect();
  assert.equal((await entered).chat, "5");
  first.close();
  await assert.rejects(first.subscribe("5"), { cause: "closed" });
  first.connect();
  assert.equal((await first.subscribe("5")).chat, "5");
});

test("sends wait while nobody leads, in order, and no more than fit", async (t) => {
  const { server, tab } = origin(t, { outbox: { maxCount: 2 } });
  const one = tab();
  const sent = [one.send("5", "one"), one.send("5", "two")];
  await assert.rejects(one.send("5", "three"), { cause: "outbox_full" });
  one.connect();
  assert.deepEqual((await Promise.all(sent)).map(({ seq }) => seq), [1, 2]);
  assert.deepEqual(server.chats.get("5").messages.map(({ text }) => text), ["one", "two"]);
});

test("closing hands back what was not sent, and the name of a person is a must", async (t) => {
  const { tab } = origin(t);
  const one = tab();
  one.connect();
  const sent = one.send("5", "never");
  one.close();
  await assert.rejects(sent, { cause: "closed" });
  assert.equal(one.state.name, "closed");
  assert.throws(() => tab({ name: "" }), /need the name/);
});

test("without locks or channels each tab is alone, and works", async (t) => {
  const { server, tab } = origin(t, { locks: null });
  const [first, second] = [tab().connect(), tab().connect()];
  await Promise.all([first.subscribe("5"), second.subscribe("5")]);
  const heard = event(second, "message");
  await first.send("5", "hola");
  assert.equal((await heard).text, "hola");
  assert.equal(server.handshakes, 2);
});

test("one token request serves all tabs that wait for it", async () => {
  const locks = new Locks();
  let asked = 0;
  let answer;
  const server = new Promise((resolve) => (answer = resolve));
  const source = async () => {
    asked += 1;
    await server;
    return `token-${asked}`;
  };
  const tabs = Array.from({ length: 5 }, () => sharedToken(source, { name: "acme/41", locks }));
  const why = { refused: "token_expired", expiring: false };
  const all = tabs.map((token) => token(why));
  answer();
  assert.deepEqual(await Promise.all(all), Array(5).fill("token-1"));
  assert.equal(await tabs[2](why), "token-2", "a later refusal is worth a new one");
});

test("who is told no is told no for all who wait, and the next asks afresh", async () => {
  const locks = new Locks();
  let asked = 0;
  const source = async () => {
    asked += 1;
    if (asked === 1) throw Object.assign(new Error("signed out"), { cause: "refresh_invalid", retry: "stop" });
    return "fresh";
  };
  const [one, other] = [sharedToken(source, { name: "a", locks }), sharedToken(source, { name: "a", locks })];
  const why = { refused: null, expiring: false };
  const results = await Promise.allSettled([one(why), other(why)]);
  assert.deepEqual(results.map(({ reason }) => [reason.cause, reason.retry]), Array(2).fill(["refresh_invalid", "stop"]));
  assert.equal(await other(why), "fresh");
  assert.throws(() => sharedToken(source, { name: "" }), /needs the name/);
});
