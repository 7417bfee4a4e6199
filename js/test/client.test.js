import assert from "node:assert/strict";
import { test } from "node:test";
import { client, collect, event, fakeServer, state } from "./people.js";

/** The client gives its requests up silently when it is closed at the end of a test. */
const quiet = (promise) => promise.catch(() => {});

test("ana writes, luis reads, and the ack says where it stands", async (t) => {
  const server = fakeServer();
  const ana = client(t, server).connect();
  const luis = client(t, server, "luis").connect();
  await Promise.all([ana.subscribe("5"), luis.subscribe("5")]);
  const heard = event(luis, "message");
  const ack = await ana.send("5", "hola");
  assert.equal(ack.seq, 1);
  const message = await heard;
  assert.deepEqual([message.text, message.author.name, message.seq], ["hola", "Ana", 1]);
});

test("saying ok twice arrives twice", async (t) => {
  const server = fakeServer();
  const luis = client(t, server, "luis").connect();
  await luis.subscribe("5");
  const seen = collect(luis);
  const ana = client(t, server).connect();
  await Promise.all([ana.send("5", "ok"), ana.send("5", "ok")]);
  server.post("5", "ana", "end");
  while (seen.length < 3) await event(luis, "message");
  assert.deepEqual(seen.map(({ text }) => text), ["ok", "ok", "end"]);
});

test("a send whose ack was lost is stored once and acknowledged", async (t) => {
  const server = fakeServer();
  const ana = client(t, server).connect();
  await ana.subscribe("5");
  const seen = collect(ana);
  server.lose(1);
  const ack = await ana.send("5", "once");
  assert.equal(ack.seq, 1);
  assert.equal(server.chats.get("5").messages.length, 1);
  assert.equal(server.handshakes, 2);
  assert.deepEqual(seen.map(({ seq }) => seq), [1]);
});

test("what is written while the server is away goes out when it is back, in order", async (t) => {
  const server = fakeServer();
  const ana = client(t, server).connect();
  await ana.subscribe("5");
  server.down = true;
  server.drop();
  await state(ana, "waiting");
  const acks = Promise.all(["one", "two", "three"].map((text) => ana.send("5", text)));
  server.down = false;
  assert.deepEqual((await acks).map(({ seq }) => seq), [1, 2, 3]);
  assert.deepEqual(server.chats.get("5").messages.map(({ text }) => text), ["one", "two", "three"]);
});

test("what was missed comes with the resume, once and in order, edits and deletes too", async (t) => {
  const server = fakeServer();
  const ana = client(t, server).connect();
  for (const n of [1, 2, 3]) server.post("5", "luis", `before ${n}`);
  await ana.subscribe("5");
  const [seen, edited, deleted] = [collect(ana), collect(ana, "edited"), collect(ana, "deleted")];
  server.down = true;
  server.drop();
  await state(ana, "waiting");
  const luis = [...server.chats.get("5").messages];
  for (const n of [4, 5]) server.post("5", "luis", `missed ${n}`);
  Object.assign(luis[0], { text: "changed", rev: 1 });
  Object.assign(luis[1], { text: "", deleted: true, rev: 2 });
  server.chats.get("5").rev = 2;
  server.down = false;
  while (seen.length < 2 || deleted.length < 1) await event(ana, seen.length < 2 ? "message" : "deleted");
  server.post("5", "luis", "live");
  while (seen.length < 3) await event(ana, "message");
  assert.deepEqual(seen.map(({ seq }) => seq), [4, 5, 6]);
  assert.deepEqual([edited[0].seq, edited[0].text, deleted[0].seq], [1, "changed", 2]);
});

test("a number that is skipped is fetched from history before the rest is shown", async (t) => {
  const server = fakeServer();
  const ana = client(t, server).connect();
  await ana.subscribe("5");
  const seen = collect(ana);
  const chat = server.chats.get("5");
  const [connection] = server.connections;
  connection.chats.delete("5");
  server.post("5", "luis", "skipped");
  connection.chats.add("5");
  server.post("5", "luis", "after the gap");
  while (seen.length < 2) await event(ana, "message");
  assert.deepEqual(seen.map(({ seq, chat: id }) => [seq, id]), [[1, "5"], [2, "5"]]);
  assert.equal(chat.messages.length, 2);
});

for (const [login, path, cause, code] of [
  ["eva", "/ws/chat/5/", "not_a_member", 4403],
  ["ana", "/ws/chat/999/", "chat_not_found", 4404],
]) {
  test(`${login} at ${path} is refused by name`, async (t) => {
    const server = fakeServer();
    const charla = client(t, server, login, { url: `ws://fake${path}` });
    const refused = state(charla.connect(), "disabled");
    assert.deepEqual([(await refused).cause, (await refused).code], [cause, code]);
    assert.equal(server.handshakes, 1);
  });
}

test("a subscription that is refused says why, and the connection lives on", async (t) => {
  const server = fakeServer();
  const ana = client(t, server).connect();
  await assert.rejects(ana.subscribe("999"), { cause: "chat_not_found", retry: "stop" });
  await ana.subscribe("5");
});

test("the address of one chat is subscribed on entry and resumed by its address", async (t) => {
  const server = fakeServer();
  const ana = client(t, server, "ana", { url: "ws://fake/ws/chat/5/" });
  const first = event(ana, "subscribed");
  ana.connect();
  assert.equal((await first).chat, "5");
  const seen = collect(ana);
  server.post("5", "luis", "live");
  while (seen.length < 1) await event(ana, "message");
  server.drop();
  const again = event(ana, "subscribed");
  assert.equal((await again).resumed, true);
});

test("an expired token is replaced by a new one, told why", async (t) => {
  const server = fakeServer();
  const reasons = [];
  const token = ({ refused }) => {
    reasons.push(refused);
    return server.token("ana", { expired: refused === null });
  };
  const ana = client(t, server, "ana", { token });
  await state(ana.connect(), "connected");
  assert.deepEqual(reasons, [null, "token_expired"]);
});

test("a person who must sign in again is told so at once", async (t) => {
  const server = fakeServer();
  const token = ({ refused }) => {
    if (refused) throw Object.assign(new Error("signed out"), { retry: "stop" });
    return "mallory~0~0";
  };
  const ana = client(t, server, "ana", { token });
  const end = await state(ana.connect(), "disabled");
  assert.deepEqual([end.cause, end.code], ["token_invalid", 4401]);
});

test("behind a 1006 the preflight finds the cause", async (t) => {
  const server = fakeServer();
  server.down = true;
  const ana = client(t, server);
  ana.connect();
  const known = await event(ana, "state", ({ name, cause }) => name === "waiting" && cause !== null);
  assert.equal(known.cause, "server_unreachable");
  const end = await state(ana, "disabled");
  assert.equal(end.exhausted, true);
});

test("a queue that cannot move is handed back, not forgotten", async (t) => {
  const server = fakeServer();
  const ana = client(t, server, "eva", { url: "ws://fake/ws/chat/5/" });
  const sent = ana.send("5", "hola");
  ana.connect();
  await assert.rejects(sent, { cause: "not_a_member" });
});

test("a message refused for good rejects its send, and the others go on", async (t) => {
  const server = fakeServer();
  const ana = client(t, server).connect();
  const [long, short] = await Promise.allSettled([ana.send("5", "x".repeat(20_000)), ana.send("5", "hola")]);
  assert.equal(long.reason.cause, "message_too_long");
  assert.equal(short.value.seq, 1);
});

test("edit, delete, read and typing reach the others", async (t) => {
  const server = fakeServer();
  const ana = client(t, server).connect();
  const luis = client(t, server, "luis").connect();
  await Promise.all([ana.subscribe("5"), luis.subscribe("5")]);
  const { seq } = await ana.send("5", "hola");
  const edited = event(luis, "edited");
  await ana.edit("5", seq, "hola a todos");
  assert.equal((await edited).text, "hola a todos");
  const read = event(ana, "read");
  luis.read("5", seq);
  assert.equal((await read).seq, seq);
  const typing = event(ana, "typing");
  luis.typing("5", true);
  assert.equal((await typing).on, true);
  const deleted = event(luis, "deleted");
  await ana.delete("5", seq);
  assert.equal((await deleted).seq, seq);
});

test("a chat that I have not opened moves my inbox", async (t) => {
  const server = fakeServer();
  const ana = client(t, server).connect();
  await state(ana, "connected");
  const inbox = event(ana, "inbox");
  server.post("5", "luis", "hola");
  assert.deepEqual([(await inbox).unread, (await inbox).preview], [1, "hola"]);
});

test("the report tells the story without the token", async (t) => {
  const server = fakeServer();
  const ana = client(t, server);
  await state(ana.connect(), "connected");
  quiet(ana.subscribe("999"));
  const report = JSON.stringify(ana.report());
  assert.match(report, /"name":"connected"/);
  assert.doesNotMatch(report, /ana~/);
});

test("a chat that was left still gets what was written for it", async (t) => {
  const server = fakeServer();
  const ana = client(t, server).connect();
  await ana.subscribe("5");
  server.down = true;
  server.drop();
  await state(ana, "waiting");
  const sent = ana.send("5", "written before I left");
  ana.unsubscribe("5");
  server.down = false;
  assert.equal((await sent).seq, 1);
});

test("a send needs no subscription of one's own, and says why when the chat is not mine", async (t) => {
  const server = fakeServer();
  const ana = client(t, server).connect();
  assert.equal((await ana.send("5", "hola")).seq, 1);
  await assert.rejects(ana.send("999", "hola"), { cause: "chat_not_found" });
});

test("a chat that is left with a send under way is left once that has arrived", async (t) => {
  const server = fakeServer();
  const ana = client(t, server).connect();
  await ana.subscribe("5");
  const sent = ana.send("5", "bye");
  ana.unsubscribe("5");
  assert.equal((await sent).seq, 1);
  await ana.send("5", "back again");
  const frames = server.received.map(({ type }) => type);
  assert.deepEqual(frames, ["subscribe", "send", "unsubscribe", "subscribe", "send"]);
});

test("who subscribes after the end is told so, and the next connection enters the chat all the same", async (t) => {
  const server = fakeServer();
  server.down = true;
  const ana = client(t, server);
  const early = ana.subscribe("5");
  await Promise.all([state(ana.connect(), "disabled"), assert.rejects(early, { name: "CharlaError" })]);
  await assert.rejects(ana.subscribe("5"), { cause: ana.state.cause });
  server.down = false;
  const entered = event(ana, "subscribed");
  ana.connect();
  assert.equal((await entered).chat, "5");
  ana.close();
  await assert.rejects(ana.subscribe("5"), { cause: "closed" });
  await ana.connect().subscribe("5");
});

test("a resume without a list of messages breaks nothing", async (t) => {
  const server = fakeServer();
  /** Takes the list out of what comes in. */
  class Bare extends server.WebSocket {
    addEventListener(type, handle) {
      super.addEventListener(type, type === "message" ? ({ data }) => handle({ data: bare(data) }) : handle);
    }
  }
  const bare = (data) => JSON.stringify({ ...JSON.parse(data), ...(data.includes('"subscribed"') && { resumed: true, messages: undefined }) });
  const ana = client(t, server, "ana", { WebSocket: Bare });
  assert.equal((await ana.connect().subscribe("5")).messages, undefined);
  assert.equal((await ana.send("5", "hola")).seq, 1);
});
