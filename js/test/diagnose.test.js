import assert from "node:assert/strict";
import { test } from "node:test";

import { CAUSES } from "../src/causes.js";
import { DETAILS } from "../src/console-words.js";
import { diagnose } from "../src/diagnose.js";
import { client, fakeServer, state } from "./people.js";

const ADDRESS = new URL("ws://fake/ws/chat/5/?attempt=a1");

function timeout() {
  return Promise.reject(new DOMException("too slow", "TimeoutError"));
}

/** Where a redirect leads, as a browser hides it. */
function hidden(target) {
  return async (_url, { redirect }) => (redirect === "manual" ? { type: "opaqueredirect", status: 0 } : { url: target });
}

for (const [what, arrange, cause, detail] of [
  ["nobody answers", (server) => (server.down = true), "server_unreachable", /cannot tell apart/],
  ["an answer that this page may not read", (server) => (server.front = { unreadable: true }), "server_unreachable", /something answers/],
  ["a proxy without its server", (server) => (server.front = { status: 502 }), "server_down", /502/],
  ["a proxy whose server is overloaded", (server) => (server.front = { status: 503 }), "server_down", /503/],
  ["a proxy whose server is frozen", (server) => (server.front = { status: 504 }), "server_down", /504/],
  ["a page in place of the server", (server) => (server.front = { status: 200 }), "proxy_wrong_location", /a page/],
  ["another application", (server) => (server.front = { status: 404 }), "route_not_found", /404/],
  ["a proxy with its own password", (server) => (server.front = { status: 401 }), "proxy_auth_required", /401/],
  ["a proxy that limits", (server) => (server.front = { status: 429 }), "proxy_rate_limited", /429/],
  ["a redirect to https", (server) => (server.front = { redirect: "https://fake/ws/chat/5/" }), "redirect_https", /^https:\/\/fake\/ws\/chat\/5\/$/],
  ["a redirect to another slash", (server) => (server.front = { redirect: "http://fake/ws/chat/5?token=x" }), "redirect_slash", /chat\/5$/],
  ["a redirect to a door", (server) => (server.front = { redirect: "http://fake/login?next=/ws/" }), "proxy_wrong_location", /login$/],
  ["a handshake that never arrived", () => {}, "proxy_closed_silently", /never reached/],
  ["a token that ran out", (server) => server.refuse("token_expired", "5 min ago"), "token_expired", /5 min/],
]) {
  test(`${what}: ${cause}`, async () => {
    const server = fakeServer();
    arrange(server);
    const { problem } = await diagnose(ADDRESS, { token: server.token("ana"), fetch: server.fetch });
    assert.equal(problem.cause, cause);
    assert.match(problem.detail, detail);
    const isQuoted = problem.detail.startsWith("http") || problem.cause === "token_expired";
    assert.equal(DETAILS.some(({ en }) => en.test(problem.detail)), !isQuoted, "what the client itself says, it says in Spanish too");
    assert.equal(problem.retry ?? CAUSES.get(cause).retry, CAUSES.get(cause).retry, "as the table of causes says");
    const tokens = server.requests.map(({ authorization }) => authorization !== null);
    assert.deepEqual(tokens, tokens.map((_, nth) => nth === 0), "a second look shows the token to nobody");
  });
}

for (const [what, fetch, cause] of [
  ["a server that takes too long", timeout, "server_frozen"],
  ["a redirect that a browser hides", hidden("https://fake/ws/chat/5/"), "redirect_https"],
  ["a redirect that may not even be followed", hidden(""), "redirect_https"],
]) {
  test(`${what}: ${cause}`, async () => {
    const { problem } = await diagnose(ADDRESS, { fetch });
    assert.deepEqual([problem.cause, problem.retry, problem.code], [cause, CAUSES.get(cause).retry, 1006]);
  });
}

const json = (body, status = 200) => async () => ({ status, type: "basic", json: async () => body });
const SEEN = { ok: true, attempt: { seen: true, outcome: "closed" } };
for (const [what, fetch, silentMs, cause] of [
  ["open, silent for long, then cut; the server did not do it", json(SEEN), 5_000, "proxy_read_timeout"],
  ["open, then cut while it talked; the server did not do it", json(SEEN), 20, "proxy_closed_silently"],
  ["open, then dropped by a server that knows no plain GET", json(null, 404), 20, "app_exception"],
  ["open, silent, then cut before a server that knows no plain GET", json(null, 404), 60_000, "proxy_read_timeout"],
  ["open, and now the proxy is alone", json(null, 502), 20, "server_down"],
]) {
  test(`${what}: ${cause}`, async () => {
    const { problem } = await diagnose(ADDRESS, { fetch, silentMs });
    assert.deepEqual([problem.cause, problem.retry, problem.code], [cause, CAUSES.get(cause).retry, 1006]);
  });
}

test("open, and the node that answers now never saw it: nobody is blamed", async () => {
  const { problem } = await diagnose(ADDRESS, { fetch: json({ ok: true, attempt: { seen: false } }), silentMs: 20 });
  assert.equal(problem, null);
});

test("what the page itself forbids is known without asking anybody", async () => {
  const fetch = () => assert.fail("nobody is asked");
  const { problem } = await diagnose(ADDRESS, { fetch, blocked: () => true });
  assert.deepEqual([problem.cause, problem.retry], ["csp_blocked", "stop"]);
});

test("a page from https may not open ws:, except to its own machine", async (t) => {
  globalThis.location = { protocol: "https:", href: "https://page.example/" };
  t.after(() => delete globalThis.location);
  const fetch = () => Promise.reject(new TypeError("Failed to fetch"));
  const causeOf = async (url, blocked) => (await diagnose(new URL(url), { fetch, blocked: () => blocked })).problem.cause;
  assert.equal(await causeOf("ws://fake/ws/", true), "mixed_content", "thrown by the constructor");
  assert.equal(await causeOf("ws://fake/ws/", false), "mixed_content", "where browsers only refuse");
  assert.equal(await causeOf("ws://127.0.0.1/ws/", false), "server_unreachable");
  assert.equal(await causeOf("wss://fake/ws/", true), "csp_blocked");
});

test("a server that finds nothing wrong is believed", async () => {
  const server = fakeServer();
  server.receipts.set("a1", { seen: true });
  assert.deepEqual(await diagnose(ADDRESS, { token: server.token("ana"), fetch: server.fetch }), { status: 200, problem: null });
});

test("a proxy that drops the Upgrade header is named, and tried once", async (t) => {
  const server = fakeServer();
  server.front = { strips: true };
  const end = await state(client(t, server).connect(), "disabled");
  assert.deepEqual([end.cause, end.code, end.willRetry], ["proxy_no_upgrade", 1006, false]);
  assert.equal(server.attempts, 1);
});

test("the preflight is asked once a cycle, and what it named is said of later failures too", async (t) => {
  const server = fakeServer();
  server.front = { status: 502 };
  const charla = client(t, server);
  const seen = [];
  charla.on("state", ({ name, cause }) => name === "waiting" && seen.push(cause));
  const end = await state(charla.connect(), "disabled");
  assert.deepEqual([end.cause, end.exhausted, end.spent], ["server_down", true, 15]);
  assert.equal(server.attempts, 15);
  assert.equal(server.requests.length, 3);
  assert.ok(seen.slice(2).every((cause) => cause === "server_down"), seen.join());
});
