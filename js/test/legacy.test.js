import assert from "node:assert/strict";
import { test } from "node:test";
import { diagnosePlain } from "../src/diagnose-plain.js";
import { LegacySocket } from "../src/legacy.js";

const POLICY = { firstDelayMs: 1, maxDelayMs: 2, stableMs: 60_000 };
const JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoiMSJ9.c2lnbmF0dXJl";

/** A Channels consumer: says back what it hears, to everybody; refuses as an ASGI server does. */
class Channels {
  sockets = new Set();
  handshakes = [];
  /** What becomes of a handshake: "accept", "refuse" (403, which a page sees as 1006), "drop" (accept and close). */
  mood = "accept";
  status = 404;

  WebSocket = this.#socketClass();
  fetch = async (url, init) => {
    this.asked = { url: String(url), init };
    if (this.status === 0) throw new TypeError("Failed to fetch");
    return new Response("<h1>Not Found</h1>", { status: this.status });
  };

  #socketClass() {
    const server = this;
    return class extends EventTarget {
      readyState = 0;
      constructor(url, protocols) {
        super();
        server.handshakes.push({ url: String(url), protocols });
        setTimeout(() => server.#answer(this), 0);
      }
      send(text) {
        const { texto, oportunidad_id } = JSON.parse(text);
        for (const socket of server.sockets) socket.tell(JSON.stringify({ autor: "ana", texto, oportunidad_id, tenant: "acme" }));
      }
      tell(data) {
        setTimeout(() => this.dispatchEvent(new MessageEvent("message", { data })), 0);
      }
      close(code = 1000, reason = "") {
        if (this.readyState === 3) return;
        this.readyState = 3;
        server.sockets.delete(this);
        setTimeout(() => this.dispatchEvent(Object.assign(new Event("close"), { code, reason })), 0);
      }
    };
  }

  #answer(socket) {
    if (socket.readyState === 3) return;
    if (this.mood === "refuse") {
      socket.dispatchEvent(new Event("error"));
      return socket.close(1006);
    }
    socket.readyState = 1;
    this.sockets.add(socket);
    socket.dispatchEvent(new Event("open"));
    if (this.mood === "drop") socket.close(1006);
  }
}

function client(t, server, more = {}) {
  const socket = new LegacySocket({
    url: "wss://chat.example/ws/chat/5/", tenant: "acme", token: () => JWT, policy: POLICY,
    WebSocket: server.WebSocket, fetch: server.fetch, storage: null, ...more,
  });
  t.after(() => socket.close());
  return socket;
}

function event(socket, type, holds = () => true) {
  return new Promise((resolve) => {
    const off = socket.on(type, (detail) => {
      if (!holds(detail)) return;
      off();
      resolve(detail);
    });
  });
}

const state = (socket, name) => event(socket, "state", (detail) => detail.name === name);

test("any JSON in, any JSON out, with the token where Channels looks for it", async (t) => {
  const server = new Channels();
  const socket = client(t, server);
  const heard = event(socket, "message");
  socket.connect();
  await socket.send({ texto: "hola", oportunidad_id: 7 });
  assert.deepEqual(await heard, { autor: "ana", texto: "hola", oportunidad_id: 7, tenant: "acme" });
  assert.deepEqual(server.handshakes, [{ url: `wss://chat.example/ws/chat/5/?token=${JWT}&tenant=acme`, protocols: [] }]);
});

test("the token may travel as a sub-protocol instead, and is then in no address", async (t) => {
  const server = new Channels();
  const socket = client(t, server, { tokenIn: "protocol" });
  const ready = state(socket, "connected");
  socket.connect();
  await ready;
  assert.deepEqual(server.handshakes, [{ url: "wss://chat.example/ws/chat/5/?tenant=acme", protocols: ["jwt", JWT] }]);
});

test("what is no JSON is handed on as it came", async (t) => {
  const server = new Channels();
  const socket = client(t, server).connect();
  await state(socket, "connected");
  const heard = event(socket, "message");
  for (const one of server.sockets) one.tell("bienvenido");
  assert.equal(await heard, "bienvenido");
});

test("saying ok twice arrives twice, in order, though written before there was a connection", async (t) => {
  const server = new Channels();
  const socket = client(t, server);
  const seen = [];
  socket.on("message", ({ texto }) => seen.push(texto));
  for (const texto of ["ok", "ok", "fin"]) socket.send({ texto });
  socket.connect();
  while (seen.length < 3) await event(socket, "message");
  assert.deepEqual(seen, ["ok", "ok", "fin"]);
});

test("a server that refuses is asked fifteen times with three tokens, and no cause is made up", async (t) => {
  const server = new Channels();
  server.mood = "refuse";
  let tokens = 0;
  const socket = client(t, server, { token: () => `${JWT}${(tokens += 1)}` });
  const end = state(socket, "disabled");
  socket.connect();
  const { exhausted, cause, code, spent } = await end;
  assert.deepEqual({ exhausted, cause, code, spent }, { exhausted: true, cause: null, code: 1006, spent: 15 });
  assert.deepEqual([server.handshakes.length, tokens], [15, 3]);
  await assert.rejects(socket.send({ texto: "tarde" }), { cause: "disabled" });
});

test("a server that accepts and drops is bounded too", async (t) => {
  const server = new Channels();
  server.mood = "drop";
  const socket = client(t, server);
  const end = state(socket, "disabled");
  socket.connect();
  assert.equal((await end).exhausted, true);
  assert.equal(server.handshakes.length, 15);
});

test("more than fits is refused, and what waits is handed back when it is over", async (t) => {
  const socket = client(t, new Channels());
  const waiting = Array.from({ length: 100 }, (_, n) => socket.send({ n }));
  await assert.rejects(socket.send({ n: 100 }), { cause: "outbox_full" });
  socket.close();
  const ends = await Promise.allSettled(waiting);
  assert.ok(ends.every(({ reason }) => reason?.cause === "closed"));
});

test("what waited for a minute is not said any more", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const socket = client(t, new Channels());
  const old = assert.rejects(socket.send({ texto: "old" }), { cause: "outbox_expired" });
  t.mock.timers.tick(30_000);
  const young = socket.send({ texto: "young" });
  t.mock.timers.tick(30_000);
  await old;
  assert.equal(socket.report().now.unacknowledged, 1);
  socket.close();
  await assert.rejects(young, { cause: "closed" });
});

test("the report and the trace never hold the token", async (t) => {
  const server = new Channels();
  const socket = client(t, server);
  const notes = [];
  socket.on("trace", (note) => notes.push(note));
  const ready = state(socket, "connected");
  socket.connect();
  await ready;
  assert.match(notes.find(({ kind }) => kind === "socket").url, /token=\*\*\*&tenant=acme/);
  assert.doesNotMatch(JSON.stringify([notes, socket.report()]), /eyJ/);
});

for (const [status, problem] of [
  [404, null],
  [426, null],
  [200, null],
  [401, null],
  [503, null],
  [502, { cause: "server_down", code: 1006, retry: "backoff", detail: "the proxy answers 502" }],
]) {
  test(`an answer of ${status} to a GET names ${problem?.cause ?? "nothing"}`, async () => {
    const server = new Channels();
    server.status = status;
    const found = await diagnosePlain(new URL(`wss://chat.example/ws/chat/5/?token=${JWT}`), { fetch: server.fetch });
    assert.deepEqual(found, { status, problem });
    assert.equal(server.asked.url, "https://chat.example/ws/chat/5/");
  });
}

test("nothing that answers is unreachable, a page's own policy is told by name", async () => {
  const server = new Channels();
  server.status = 0;
  const address = new URL("wss://chat.example/ws/chat/5/");
  const { problem } = await diagnosePlain(address, { fetch: server.fetch });
  assert.deepEqual([problem.cause, problem.retry], ["server_unreachable", "backoff"]);
  const blocked = await diagnosePlain(address, { fetch: server.fetch, blocked: () => true });
  assert.deepEqual([blocked.problem.cause, blocked.problem.retry], ["csp_blocked", "stop"]);
});

test("an answer that may not be read is still an answer", async () => {
  const fetch = async (_, { mode }) => {
    if (mode !== "no-cors") throw new TypeError("Failed to fetch");
    return { status: 0, type: "opaque" };
  };
  assert.deepEqual(await diagnosePlain(new URL("wss://chat.example/ws/"), { fetch }), { status: null, problem: null });
});
