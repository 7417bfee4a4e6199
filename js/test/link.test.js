/** @file The shell around the machine: order, trace, tokens, liveness, what a tab remembers. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { client, collect, event, fakeServer, POLICY, state } from "./people.js";

/** A storage of one tab. */
function storage() {
  const kept = new Map();
  return { kept, getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
}

/** A page whose events the test makes. */
function page() {
  const it = { watchPage: (tell, blocked) => (Object.assign(it, { tell, blocked }), () => {}) };
  return it;
}

const notes = (charla, kind) => charla.report().notes.filter((note) => note.kind === kind);

test("a listener that closes is obeyed: nothing is opened behind its back", async (t) => {
  const server = fakeServer();
  const ana = client(t, server);
  ana.on("state", ({ name }) => name === "connecting" && ana.close());
  await state(ana.connect(), "closed");
  await state(client(t, server, "luis").connect(), "connected");
  assert.equal(server.handshakes, 1, "luis' own");
});

test("fifteen attempts cost three tokens, each said to be an attempt of its cycle", async (t) => {
  const server = fakeServer();
  server.down = true;
  let asked = 0;
  const ana = client(t, server, "ana", { token: () => server.token("ana", { nth: (asked += 1) }) });
  const end = await state(ana.connect(), "disabled");
  assert.deepEqual([asked, server.attempts, end.spent, end.willRetry], [3, 15, 15, false]);
  assert.deepEqual(notes(ana, "token").map(({ phase, cycle, cycles }) => `${phase} ${cycle}/${cycles}`), [
    "asked 1/3", "arrived 1/3", "asked 2/3", "arrived 2/3", "asked 3/3", "arrived 3/3",
  ]);
  const opening = notes(ana, "socket").filter(({ phase }) => phase === "opening");
  assert.deepEqual(opening.map(({ attempt, total }) => [attempt, total]), Array.from({ length: 15 }, (_, n) => [(n % 5) + 1, n + 1]));
});

test("every change of state says all that there is to say", async (t) => {
  const server = fakeServer();
  server.down = true;
  const ana = client(t, server);
  const states = collect(ana, "state");
  await state(ana.connect(), "disabled");
  for (const told of states) {
    for (const field of ["cause", "code", "willRetry", "retryInMs", "attempt", "of", "cycle", "previous"]) assert.ok(field in told, `${told.name} without ${field}`);
  }
  const waits = states.filter(({ name, held }) => name === "waiting" && !held);
  assert.ok(waits.every(({ willRetry, retryInMs }) => willRetry && retryInMs >= 0));
});

test("a flapping server does not reset the counters", async (t) => {
  const server = fakeServer();
  const ana = client(t, server, "ana", { policy: { ...POLICY, stableMs: 1_000 } });
  ana.on("welcome", () => server.drop(1011, "internal_error"));
  const end = await state(ana.connect(), "disabled");
  assert.deepEqual([end.cause, server.handshakes], ["internal_error", 15]);
});

test("no token is ever written down, wherever it turns up", async (t) => {
  const server = fakeServer();
  const secret = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyIjoiYW5hIn0.c2lnbmF0dXJl";
  let asked = 0;
  const token = ({ expiring }) => {
    asked += 1;
    if (asked === 2 || expiring) throw new Error(`refused: ${secret}`);
    const fresh = asked === 1 ? secret : `opaque~${asked}~key`;
    server.refuse("token_invalid", `no such key: ${fresh} ${secret}`);
    return fresh;
  };
  const ana = client(t, server, "ana", { url: `ws://fake/ws/?token=${secret}&ticket=T1CKET&tenant=acme`, token });
  const trace = collect(ana, "trace");
  await state(ana.connect(), "disabled");
  const told = JSON.stringify([trace, ana.report()]);
  for (const part of ["eyJ", "c2lnbmF0dXJl", "T1CKET", "~key"]) assert.ok(!told.includes(part), part);
  assert.match(told, /tenant=acme/);
  assert.match(told, /"charla_report":1/);
});

test("the flight recorder keeps the last two hundred notes", async (t) => {
  const server = fakeServer();
  const watched = page();
  const ana = client(t, server, "ana", { watchPage: watched.watchPage });
  const trace = collect(ana, "trace");
  await state(ana.connect(), "connected");
  for (let n = 0; n < 150; n += 1) for (const type of ["hidden", "visible"]) watched.tell(type);
  const { notes: kept } = ana.report();
  assert.equal(kept.length, 200);
  assert.deepEqual(kept, trace.slice(-200));
});

test("a token is renewed over the living connection, by the server's clock", async (t) => {
  const server = fakeServer();
  server.aheadMs = 3_600_000;
  server.tokenLifeMs = 200;
  const why = [];
  const token = (asked) => {
    why.push(asked);
    return server.token("ana");
  };
  const ana = client(t, server, "ana", { token });
  await state(ana.connect(), "connected");
  server.tokenLifeMs = 300_000;
  while (notes(ana, "token").length < 4) await event(ana, "trace", ({ kind }) => kind === "token");
  await ana.subscribe("5");
  assert.deepEqual(server.received.map(({ type }) => type), ["refresh", "subscribe"]);
  assert.deepEqual(why, [{ refused: null, expiring: false }, { refused: null, expiring: true }]);
  assert.deepEqual(notes(ana, "token").map(({ phase, inBand }) => [phase, inBand]), [["asked", false], ["arrived", false], ["asked", true], ["arrived", true]]);
  assert.equal(server.handshakes, 1);
  assert.equal(ana.connected, true);
});

test("a renewal that fails leaves the connection alone", async (t) => {
  const server = fakeServer();
  const token = ({ expiring }) => {
    if (expiring) throw new Error("not now");
    return server.token("ana");
  };
  const ana = client(t, server, "ana", { token });
  await state(ana.connect(), "connected");
  const failed = event(ana, "trace", ({ kind, phase }) => kind === "token" && phase === "failed");
  for (const connection of server.connections) connection.tell({ type: "token_expiring", in_ms: 60_000 });
  assert.equal((await failed).inBand, true);
  assert.equal((await ana.send("5", "still here")).seq, 1);
});

test("a fresh token that is refused in the same words ends it", async (t) => {
  const server = fakeServer();
  const ana = client(t, server, "ana", { token: () => server.token("ana", { expired: true }) });
  const end = await state(ana.connect(), "disabled");
  assert.deepEqual([end.cause, end.code, server.handshakes], ["token_expired", 4401, 2]);
});

test("what cannot be a token is not tried twice in the same way", async (t) => {
  const server = fakeServer();
  let asked = 0;
  const broken = class {
    constructor() {
      throw new DOMException("invalid sub-protocol", "SyntaxError");
    }
  };
  const ana = client(t, server, "ana", { token: () => `not a token ${(asked += 1)}`, WebSocket: broken });
  const end = await state(ana.connect(), "disabled");
  assert.deepEqual([end.cause, asked], ["token_malformed", 2]);
});

test("a constructor that throws is the page's policy", async (t) => {
  const server = fakeServer();
  const forbidden = class {
    constructor() {
      throw new DOMException("blocked", "SecurityError");
    }
  };
  const end = await state(client(t, server, "ana", { WebSocket: forbidden }).connect(), "disabled");
  assert.deepEqual([end.cause, end.code, end.spent], ["csp_blocked", 1006, 1]);
});

test("a violation of the page's content policy names the cause, if it is our address", async (t) => {
  const server = fakeServer();
  server.down = true;
  const watched = page();
  const ana = client(t, server, "ana", { watchPage: watched.watchPage });
  ana.connect();
  watched.blocked("https://elsewhere.example/script.js");
  watched.blocked("ws://fake/ws/");
  assert.equal((await state(ana, "disabled")).cause, "csp_blocked");
  assert.equal(server.attempts, 1);
});

test("a page that reloads itself is slowed, seen, and let in at once when a person asks", async (t) => {
  const server = fakeServer();
  server.down = true;
  const tab = storage();
  const before = client(t, server, "ana", { storage: tab });
  await state(before.connect(), "disabled");
  assert.deepEqual([...tab.kept], [["charla:ws://fake/ws/", "15"]]);
  server.down = false;
  const after = client(t, server, "ana", { storage: tab, policy: { ...POLICY, firstDelayMs: 60_000, maxDelayMs: 60_000 } });
  const slowed = state(after, "waiting");
  after.connect();
  const { cause, retryInMs } = await slowed;
  assert.equal(cause, "reload_loop");
  assert.ok(retryInMs >= 30_000, String(retryInMs));
  await state(after.connect(), "connected");
});

test("a stable connection forgets what earlier loads spent; a storage that is forbidden is done without", async (t) => {
  const server = fakeServer();
  await new Promise((resolve) => {
    const tab = { getItem: () => "7", setItem: (_, spent) => spent === "0" && resolve() };
    client(t, server, "ana", { storage: tab, policy: { ...POLICY, stableMs: 1 } }).connect();
  });
  const refuse = () => {
    throw new DOMException("sandboxed", "SecurityError");
  };
  await state(client(t, server, "ana", { storage: { getItem: refuse, setItem: refuse } }).connect(), "connected");
});

test("a server that goes silent is asked, then left", async (t) => {
  const server = fakeServer();
  server.heartbeatMs = 30;
  const ana = client(t, server, "ana", { policy: { ...POLICY, graceMs: 30, probeMs: 10 } });
  await state(ana.connect(), "connected");
  server.deaf = true;
  const { cause, code } = await event(ana, "state", ({ previous }) => previous === "connected");
  assert.deepEqual([cause, code], ["heartbeat_timeout", 4408]);
  assert.ok(server.received.some(({ type }) => type === "ping"));
});

test("offline is told as what it is, spends nothing, and ends with the network", async (t) => {
  const server = fakeServer();
  const watched = page();
  const ana = client(t, server, "ana", { watchPage: watched.watchPage });
  await state(ana.connect(), "connected");
  watched.tell("offline");
  server.drop();
  const { cause, held, spent } = await state(ana, "waiting");
  assert.deepEqual([cause, held, spent], ["offline", "offline", 0]);
  watched.tell("online");
  await state(ana, "connected");
  assert.deepEqual(notes(ana, "page").map((note) => note.event), ["offline", "online"]);
});

test("what was amiss is told to the server with the next welcome", async (t) => {
  const server = fakeServer();
  const ana = client(t, server);
  await state(ana.connect(), "connected");
  assert.ok(!server.received.some(({ type }) => type === "report"), "nothing was amiss");
  server.down = true;
  server.drop();
  await event(ana, "state", ({ cause }) => cause === "server_unreachable");
  server.down = false;
  await state(ana, "connected");
  await ana.subscribe("5");
  const { away_ms: awayMs, attempts, ...report } = server.received.find(({ type }) => type === "report");
  assert.deepEqual(report, { type: "report", cause: "server_unreachable", code: 1006 });
  assert.ok(attempts >= 1 && Number.isInteger(awayMs) && awayMs >= 0, `${attempts} ${awayMs}`);
});

test("an older server that knows no report disturbs nobody", async (t) => {
  const server = fakeServer();
  server.unknown = ["report", "typing"];
  const ana = client(t, server);
  await ana.connect().subscribe("5");
  const refused = collect(ana, "refused");
  server.drop();
  await state(ana, "connected");
  await ana.subscribe("5");
  assert.ok(server.received.some(({ type }) => type === "report"));
  assert.deepEqual(refused, []);
  const told = event(ana, "refused");
  ana.typing("5", true);
  assert.equal((await told).cause, "bad_request", "what is not about the report is told");
});

test("where there is no WebSocket it says so, and no policy of a page is blamed", (t) => {
  const ana = client(t, fakeServer(), "ana", { WebSocket: undefined });
  assert.throws(() => ana.connect(), /no WebSocket here/);
  assert.equal(ana.state.name, "idle");
});

for (const [given, said] of [[null, "object"], [undefined, "undefined"], [{ access: "a" }, "object"], ["", "nothing"]]) {
  test(`a token source that gives ${JSON.stringify(given)} has brought no token`, async (t) => {
    const server = fakeServer();
    const ana = client(t, server, "ana", { token: async () => given });
    const end = await state(ana.connect(), "disabled");
    assert.deepEqual([end.cause, end.detail, server.attempts], ["token_unavailable", `token() gave ${said}`, 0]);
  });
}

test("a clock that is set back by an hour holds up nothing", async (t) => {
  const server = fakeServer();
  let aheadMs = 0;
  const ana = client(t, server, "ana", { now: () => Date.now() + aheadMs, random: () => 0.9, policy: { ...POLICY, graceMs: 20 } });
  server.down = true;
  await state(ana.connect(), "waiting");
  aheadMs = -3_600_000;
  server.down = false;
  server.heartbeatMs = 20;
  await state(ana, "connected");
  aheadMs *= 2;
  server.deaf = true;
  assert.equal((await state(ana, "waiting")).cause, "heartbeat_timeout");
});

test("a bound that is set to undefined is the default, not a bound less", async (t) => {
  const server = fakeServer();
  server.down = true;
  const ana = client(t, server, "ana", { policy: { ...POLICY, attempts: undefined, cycles: undefined }, outbox: { maxCount: undefined } });
  const all = Promise.allSettled(Array.from({ length: 201 }, () => ana.send("5", "hola")));
  assert.equal(ana.unsent.length, 200);
  await state(ana.connect(), "disabled");
  assert.equal(server.attempts, 15);
  assert.equal((await all).at(-1).reason.cause, "outbox_full");
});

test("a server that asks for a ping every millisecond gets one a second", async (t) => {
  const server = fakeServer();
  server.heartbeatMs = 1;
  const ana = client(t, server);
  await ana.connect().subscribe("5");
  // sleeps because what must not come has no event: a ping each millisecond would have come a hundred times by then.
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(server.received.filter(({ type }) => type === "ping").length, 0);
});
