/** @file A server in memory with people and a chat, and clients of theirs: what the tests of the client begin with. */
import { FakeServer } from "../fake-server.js";
import { Charla } from "../src/index.js";

/** A fast policy: the waits are the machine's business and tested there. */
export const POLICY = { firstDelayMs: 1, maxDelayMs: 2, stableMs: 50 };

export function fakeServer() {
  const server = new FakeServer();
  for (const login of ["ana", "luis", "eva"]) server.addUser(login);
  server.addChat("5", ["ana", "luis"]);
  return server;
}

export function client(t, server, login = "ana", more = {}) {
  const charla = new Charla({
    url: "ws://fake/ws/",
    token: () => server.token(login),
    policy: POLICY,
    WebSocket: server.WebSocket,
    fetch: server.fetch,
    storage: null,
    ...more,
  });
  t.after(() => charla.close());
  return charla;
}

/** The next event of that type for which the test holds. */
export function event(charla, type, holds = () => true) {
  return new Promise((resolve) => {
    const off = charla.on(type, (detail) => {
      if (!holds(detail)) return;
      off();
      resolve(detail);
    });
  });
}

export const state = (charla, name) => event(charla, "state", (detail) => detail.name === name);

export function collect(charla, type = "message") {
  const seen = [];
  charla.on(type, (detail) => seen.push(detail));
  return seen;
}
