/** @file The server is away, dies, restarts or falls over: the page counts to fifteen, says why, and comes back by itself. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Door, HANDSHAKES } from "./doors.mjs";
import { Lab } from "./lab.mjs";
import { assertTranscript } from "./transcript.mjs";

const ALL = 15;
/** One preflight a cycle, and a second look each: an answer that a page may not read is not the same as none. */
const LOOKS = 6;
/** What uvicorn says to a plain request for a WebSocket's path, though all is well. */
const NOT_FOUND = "HTTP/1.1 404 Not Found\r\ncontent-length: 9\r\nconnection: close\r\n\r\nNot Found";

/** @type {Lab} */
let lab;
before(async () => {
  // Who restarts lets its clients come back within this time.
  lab = await Lab.start({ settings: { "server.drain": "1s" } });
});
after(() => lab?.end());

const socket = (port) => `ws://127.0.0.1:${port}/ws/chat/5/`;
const times = (count, status) => Array.from({ length: count }, () => status);

/** Comes, fails, gives up, and says so in these words. */
async function assertGivesUp(file, cause, { seen, ...options }) {
  const visitor = await lab.visit({ ...options, clock: true });
  await visitor.giveUp();
  const { name, cause: last, willRetry } = await visitor.state();
  assert.deepEqual([name, last, willRetry], ["disabled", cause, false]);
  assert.equal(visitor.asked.length, 3, "one token a cycle");
  await assertTranscript(file, visitor, await seen(visitor));
  // A day later it has tried no more.
  await visitor.pass(86_400_000);
  assert.equal((await visitor.state()).name, "disabled");
  await seen(visitor);
  await visitor.leave();
}

/** The same at a door that counts. */
async function assertGivesUpAt(door, file, cause, title, preflights) {
  const seen = () => {
    assert.deepEqual([door.handshakes, door.requests], [ALL, preflights]);
    return `${ALL} handshakes, ${preflights} plain requests`;
  };
  await assertGivesUp(file, cause, { title, url: socket(door.port), seen });
  await door.close();
}

describe("gives up after fifteen attempts", { concurrency: 2 }, () => {
  for (const lang of ["es", "en"]) {
    test(`nothing listens (${lang})`, async () => {
      const title = "Nothing listens at the chat's address.";
      // Where nobody listens nobody counts: the browser does.
      const seen = ({ sockets }) => {
        assert.equal(sockets, ALL);
        return `nothing: ${ALL} connections were refused`;
      };
      await assertGivesUp(`nothing-listens.${lang}`, "server_unreachable", { title, lang, url: socket(lab.ports.nobody), seen });
    });
  }

  test("something takes the connection and hangs up", async () => {
    const door = await Door.open(HANDSHAKES.hangsUp);
    const title = "Something accepts the TCP connection and hangs up on every request.";
    await assertGivesUpAt(door, "hangs-up", "server_unreachable", title, LOOKS);
  });

  for (const lang of ["es", "en"]) {
    test(`nginx is up and the server behind it is down (${lang})`, async () => {
      const title = "nginx is up, the server behind it is down: 502.";
      const name = `down-${lang}`;
      const seen = async () => {
        assert.deepEqual(await lab.handshakes(name, ALL), times(ALL, 502));
        return `${ALL} handshakes at nginx, each answered 502`;
      };
      await assertGivesUp(`bad-gateway.${lang}`, "server_down", { title, lang, url: lab.address(name, { by: "/down" }), seen });
    });
  }

  test("flapping does not reset the counters: accepted, welcomed, and dropped at once", async () => {
    const door = await Door.open(HANDSHAKES.welcomesAndDies, NOT_FOUND);
    const title = "The server accepts, welcomes and drops the connection at once, again and again.";
    await assertGivesUpAt(door, "flapping-welcomed", "app_exception", title, LOOKS);
  });

  test("flapping: accepted and dropped before a word", async () => {
    const door = await Door.open(HANDSHAKES.acceptsAndDies, NOT_FOUND);
    const title = "The server accepts (101) and drops the connection before a word.";
    await assertGivesUpAt(door, "flapping-accepted", "app_exception", title, LOOKS);
  });

  test("flapping: welcomed, and closed at once with 1011", async () => {
    const door = await Door.open(HANDSHAKES.welcomesAndFails);
    const title = "The server accepts, welcomes and closes at once with 1011.";
    await assertGivesUpAt(door, "flapping-1011", "internal_error", title, 0);
  });
});

test("the guide's lines, in its words and its order", async () => {
  const visitor = await lab.visit({ title: "", clock: true, url: socket(lab.ports.nobody) });
  await visitor.giveUp();
  const guide = [
    /^🔄 Solicitando URL con token actualizado \(intento 1\/3\)\.\.\.$/,
    /^🔌 Conectando WebSocket: \{url: '.*', intento: 1\}$/,
    /^❌ Error en WebSocket: \{.*\}$/,
    /^🔌 WebSocket cerrado: \{code: 1006, .*\}$/,
    /^⚠️ Primera conexión falló con código 1006\. Reintentando en 1s\.\.\.$/,
    /^🔌 Conectando WebSocket: \{url: '.*', intento: 2\}$/,
    /^🔌 Conectando WebSocket: \{url: '.*', intento: 15\}$/,
    /^❌ MÁXIMO DE INTENTOS ALCANZADO\. WebSocket deshabilitado\. Recarga la página para reintentar\.$/,
  ];
  let at = -1;
  for (const line of guide) {
    at = visitor.lines.findIndex((text, index) => index > at && line.test(text));
    assert.notEqual(at, -1, `${line} is missing in\n${visitor.lines.join("\n")}`);
  }
  await visitor.leave();
});

/** A page that has been connected long enough to owe nobody anything. */
async function settled(options) {
  const visitor = await lab.visit({ ...options, clock: true });
  await visitor.arrive();
  await visitor.pass(11_000);
  return visitor;
}

test("killed while connected; what kept the page away is told to the server that comes back", async () => {
  const title = "The server is killed while the page is connected, and started again.";
  const visitor = await settled({ title, url: lab.address("killed") });
  await lab.demo.down("SIGKILL");
  await visitor.until({ name: "waiting", cause: "server_down" });
  await visitor.pass();
  await visitor.until({ name: "waiting", attempt: 2 });
  await lab.demo.up();
  await visitor.pass();
  await visitor.until({ name: "connected", attempt: 2 });
  const told = await lab.figure("charla_client_failures_total", '{cause="server_down"}', 1);
  assert.equal(told, 1);
  await assertTranscript("killed", visitor, "2 handshakes before and after (101), 1 meanwhile at nginx (502); then why the page was away: server_down");
  await visitor.leave();
  assert.deepEqual((await lab.handshakes("killed", 3)).sort(), [101, 101, 502]);
});

test("restarted: announced, waited for as told, and free", async () => {
  const title = "The server restarts (SIGTERM) and says so.";
  const visitor = await settled({ title, url: lab.address("restarted") });
  await lab.demo.down("SIGTERM");
  await visitor.until({ name: "waiting", cause: "restarting", code: 1012 });
  await lab.demo.up();
  await visitor.pass();
  const length = await visitor.until({ name: "connected", attempt: 0 });
  assert.equal(length, (await visitor.states()).length);
  assert.equal(await lab.figure("charla_client_failures_total", '{cause="restarting"}', 1), 1);
  await assertTranscript("restarted", visitor, "2 handshakes, both accepted; then why the page was away: restarting");
  await visitor.leave();
  assert.deepEqual(await lab.handshakes("restarted", 2), [101, 101]);
});
