import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeServer } from "../fake-server.js";
import { CAUSE_TITLES } from "../src/cause-titles.js";
import { Charla } from "../src/client.js";
import { logTo } from "../src/console.js";
import { LINES, NAMES, NEXT, OWN_TITLES } from "../src/console-words.js";

const JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoiMSJ9.c2lnbmF0dXJl";
const URL_ = "ws://127.0.0.1:9001/ws/chat/5/";

/** A client that says what it is told to. */
function talker() {
  const listeners = new Set();
  return {
    on(type, listener) {
      assert.equal(type, "trace");
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    say: (...notes) => notes.forEach((note) => listeners.forEach((listener) => listener({ at: 0, ...note }))),
  };
}

function recorder() {
  const lines = [];
  const write = (level) => (...said) => lines.push([level, said.join(" ")]);
  return { lines, texts: () => lines.map(([, text]) => text), console: { log: write("log"), warn: write("warn"), error: write("error") } };
}

function told(lang, ...notes) {
  const client = talker();
  const written = recorder();
  logTo(client, { lang, console: written.console });
  client.say(...notes);
  return written;
}

const asked = (cycle) => ({ kind: "token", phase: "asked", cycle, cycles: 3, inBand: false });
const failing = (total) => [
  { kind: "socket", phase: "opening", url: URL_, attempt: total, total },
  { kind: "socket", phase: "error", url: URL_, attempt: total, total },
  { kind: "socket", phase: "closed", url: URL_, attempt: total, total, code: 1006, reason: "" },
];
const waiting = (attempt, retryInMs, more = {}) => ({
  kind: "state", name: "waiting", previous: "connecting", cause: null, code: 1006, willRetry: true, retryInMs, attempt, of: 5, cycle: 1, held: null, ...more,
});
const disabled = { kind: "state", name: "disabled", previous: "connecting", cause: "server_unreachable", code: 1006, exhausted: true };

test("an unreachable server reads as in the guide, to the letter and in its order", () => {
  const { lines } = told("es", asked(1), ...failing(1), waiting(2, 437), ...failing(2), disabled);
  assert.deepEqual(lines, [
    ["log", "🔄 Solicitando URL con token actualizado (intento 1/3)..."],
    ["log", `🔌 Conectando WebSocket: {url: '${URL_}', intento: 1}`],
    ["error", `❌ Error en WebSocket: {url: '${URL_}', intento: 1}`],
    ["log", "🔌 WebSocket cerrado: {code: 1006, reason: '', intento: 1}"],
    ["warn", "⚠️ Primera conexión falló con código 1006. Reintentando en 1s..."],
    ["log", `🔌 Conectando WebSocket: {url: '${URL_}', intento: 2}`],
    ["error", `❌ Error en WebSocket: {url: '${URL_}', intento: 2}`],
    ["log", "🔌 WebSocket cerrado: {code: 1006, reason: '', intento: 2}"],
    ["error", "❌ MÁXIMO DE INTENTOS ALCANZADO. WebSocket deshabilitado. Recarga la página para reintentar."],
    ["error", "   ↳ No se puede llegar al servidor (server_unreachable). No se intenta más hasta recargar la página, hasta que vuelva la red o hasta que alguien lo pida. Cómo repararlo: charla causes server_unreachable --lang es"],
  ]);
});

test("the cause that the preflight finds is added to the wait already told, once", () => {
  const named = waiting(2, 437, { previous: "waiting", cause: "server_down", detail: "the proxy answers 502" });
  const { texts } = told("en", waiting(2, 437), named, named);
  assert.deepEqual(texts(), [
    "⚠️ First connection failed with code 1006. Retrying in 1s...",
    "   ↳ The chat server is not running: the proxy answers 502 (server_down). Retried by itself. How to repair it: charla causes server_down",
  ]);
});

test("a connection that worked and broke is no first connection, and each wait is told with its cause", () => {
  const connected = { kind: "state", name: "connected", previous: "connecting", cause: null };
  const lost = waiting(1, 700, { previous: "connected", cause: "restarting", code: 1012 });
  const again = waiting(2, 3_200, { cause: "server_unreachable" });
  const { texts } = told("es", connected, lost, again);
  assert.deepEqual(texts().map((text) => text.split(" (")[0]), [
    "✅ WebSocket conectado",
    "⚠️ Conexión perdida con código 1012. Reintentando en 1s...",
    "   ↳ El servidor se está reiniciando",
    "⚠️ Conexión falló con código 1006. Reintentando en 4s...",
    "   ↳ No se puede llegar al servidor",
  ]);
});

test("offline and hidden are pauses, not failures", () => {
  const { texts } = told("en", waiting(1, null, { cause: "offline", held: "offline" }), waiting(2, null, { held: "hidden" }), waiting(2, 90));
  assert.deepEqual(texts().map((text) => text.split(".")[0]), [
    "⏸️ No network",
    "⏸️ The page is hidden",
    "▶️ Back again",
  ]);
});

test("a refusal for good does not send anybody to the reload button", () => {
  const { texts } = told("en", { ...disabled, cause: "not_a_member", code: 4403, exhausted: false });
  assert.deepEqual(texts(), [
    "❌ WebSocket disabled with code 4403. Trying again would not help.",
    "   ↳ This user is not a member of the chat (not_a_member). Not retried: it has to be repaired. How to repair it: charla causes not_a_member",
  ]);
});

test("a send that was given up is told with its id and cause", () => {
  const { texts } = told("es", { kind: "drop", what: "send", id: "0192", cause: "outbox_expired" });
  assert.deepEqual(texts(), ["❌ No enviado: {qué: 'send', id: '0192'}", "   ↳ Esperó demasiado a enviarse (outbox_expired). El mensaje se devolvió a la página."]);
});

test("a token that could not be had is said, and one renewed in band is no new cycle", () => {
  const failed = { kind: "token", phase: "failed", cycle: 1, cycles: 3, cause: "token_unavailable", detail: "Failed to fetch" };
  const { texts } = told("en", failed, { ...asked(1), inBand: true });
  assert.deepEqual(texts(), [
    "❌ No token: token_unavailable",
    "   ↳ The page could not get a token: Failed to fetch (token_unavailable). Retried by itself. How to repair it: charla causes token_unavailable",
    "🔄 Renewing the token on the open connection...",
  ]);
});

test("a real client against a server that is not there writes the guide's whole story", async (t) => {
  const server = new FakeServer();
  server.addUser("ana");
  server.down = true;
  const policy = { firstDelayMs: 1, maxDelayMs: 2 };
  const { WebSocket, fetch } = server;
  const charla = new Charla({ url: "ws://fake/ws/", token: () => server.token("ana"), policy, WebSocket, fetch, storage: null });
  t.after(() => charla.close());
  const written = recorder();
  logTo(charla, { lang: "es", console: written.console });
  const over = new Promise((resolve) => charla.on("state", ({ name }) => name === "disabled" && resolve(undefined)));
  charla.connect();
  await over;
  const told = written.texts();
  const count = (pattern) => told.filter((text) => pattern.test(text)).length;
  assert.deepEqual(told.slice(0, 4).map((text) => text.replace(/url: '[^']*'/, "url: '...'")), [
    "🔄 Solicitando URL con token actualizado (intento 1/3)...",
    "🔌 Conectando WebSocket: {url: '...', intento: 1}",
    "🔌 WebSocket cerrado: {code: 1006, reason: '', intento: 1}",
    "⚠️ Primera conexión falló con código 1006. Reintentando en 1s...",
  ]);
  const cycles = told.filter((text) => text.startsWith("🔄")).map((text) => text.match(/\d\/\d/)?.[0]);
  assert.deepEqual(cycles, ["1/3", "2/3", "3/3"]);
  assert.deepEqual([count(/^🔌 Conectando/), count(/^🔌 WebSocket cerrado/), count(/^⚠️ Primera/)], [15, 15, 1]);
  assert.match(told.findLast((text) => text.startsWith("🔌 Conectando")), /intento: 15\}$/);
  assert.equal(told.at(-2), "❌ MÁXIMO DE INTENTOS ALCANZADO. WebSocket deshabilitado. Recarga la página para reintentar.");
  assert.match(told.at(-1), /^   ↳ No se puede llegar al servidor/);
});

test("no token is ever written, wherever it hides", () => {
  const url = `ws://x/ws/chat/5/?tenant=acme&token=${JWT}&attempt=1`;
  const { texts } = told("es", { kind: "socket", phase: "opening", url, total: 1 }, { ...disabled, detail: `Bearer ${JWT} was refused` }, {
    kind: "socket", phase: "closed", code: 4401, reason: `token_invalid: ticket=abc&x ${JWT}`, total: 1,
  });
  assert.equal(texts()[0], "🔌 Conectando WebSocket: {url: 'ws://x/ws/chat/5/?tenant=acme&token=...&attempt=1', intento: 1}");
  assert.doesNotMatch(texts().join("\n"), /eyJ/);
});

test("a quote or a line break in a reason cannot break the line", () => {
  const { texts } = told("en", { kind: "socket", phase: "closed", code: 4400, reason: "it's\nbad", total: 1 });
  assert.deepEqual(texts(), ["🔌 WebSocket closed: {code: 4400, reason: 'it\\'s\\nbad', attempt: 1}"]);
});

test("it ends when it is told to, and what it does not know it leaves out", () => {
  const client = talker();
  const written = recorder();
  const off = logTo(client, { console: written.console });
  client.say({ kind: "gap", chat: "5" }, { kind: "page", event: "hidden" });
  off();
  client.say(asked(1));
  assert.deepEqual(written.lines, []);
});

test("a detail that the client found itself is said in the reader's language, any other as it came", () => {
  const said = (lang, detail) => told(lang, waiting(2, 437, { cause: "server_down", detail })).texts().at(-1);
  assert.match(said("en", "the proxy answers 502"), /: the proxy answers 502 \(server_down\)/);
  assert.match(said("es", "the proxy answers 502"), /: el proxy responde 502 \(server_down\)/);
  assert.match(said("es", "somebody else's word"), /: somebody else's word \(server_down\)/);
});

test("both languages are complete and fill in the same values", () => {
  for (const cause of Object.keys(OWN_TITLES)) assert.ok(!(cause in CAUSE_TITLES), `the table has ${cause} by now`);
  const values = (line) => [...line.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
  for (const catalogue of [LINES, NEXT, OWN_TITLES, NAMES]) {
    for (const [name, line] of Object.entries(catalogue)) {
      assert.deepEqual(Object.keys(line).sort(), ["en", "es"], name);
      assert.ok(line.en.length > 0 && line.es.length > 0, name);
      assert.deepEqual(values(line.en), values(line.es), name);
    }
  }
});
