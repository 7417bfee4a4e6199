/** @file Whatever happens to the line, a send ends in one stored message and its ack, or in a word. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { seeded } from "./bench.js";
import { client, collect, fakeServer, POLICY } from "./people.js";

const SEEDS = 40;
const STEPS = 60;
const turn = () => new Promise(setImmediate);

/** What can befall a client; each is told the world and a number from 0 to below 1. */
const EVENTS = {
  send: (world) => world.send(),
  twice: (world) => (world.send("ok"), world.send("ok")),
  again: ({ ana, sends }, r) => sends.length > 0 && ana.send("5", "again", { id: sends[Math.floor(r * sends.length)].id }).catch(() => {}),
  cut: ({ server }) => server.drop(),
  slow: ({ server }) => server.drop(4508, "slow_consumer"),
  restart: ({ server }) => server.drop(1012, "restarting: retry in 1 ms"),
  lose: ({ server }) => server.lose(1),
  down: ({ server }) => ((server.down = true), server.drop()),
  up: ({ server }) => (server.down = false),
  proxy: ({ server }, r) => (server.front = r < 0.3 ? { status: 502 } : null),
  offline: ({ page }) => page.tell?.("offline"),
  online: ({ page }) => page.tell?.("online"),
  hidden: ({ page }) => page.tell?.("hidden"),
  visible: ({ page }) => page.tell?.("visible"),
  person: ({ ana }) => ana.connect(),
};

function world(t, seed) {
  const server = fakeServer();
  const page = {};
  const watchPage = (tell) => (Object.assign(page, { tell }), () => {});
  const ana = client(t, server, "ana", { watchPage, random: seeded(seed), policy: { ...POLICY, attempts: 2, cycles: 2 }, outbox: { maxCount: 6 } });
  const sends = [];
  const send = (text = `line ${sends.length}`) => {
    const promise = ana.send("5", text);
    const it = { id: promise.id, text, end: null };
    promise.then((ack) => (it.end = ack.seq), (error) => (it.end = error.cause));
    sends.push(it);
  };
  return { server, page, ana, sends, send };
}

test(`${SEEDS} lives of ${STEPS} mishaps each: nothing lost in silence, nothing doubled, nothing out of order`, async (t) => {
  const names = Object.keys(EVENTS);
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const it = world(t, seed);
    const { server, ana, page, sends } = it;
    const dropped = collect(ana, "trace");
    const seen = collect(ana);
    const random = seeded(seed * 7_919);
    ana.connect();
    for (let step = 0; step < STEPS; step += 1) {
      EVENTS[names[Math.floor(random() * names.length)]](it, random());
      for (let turns = Math.floor(random() * 8); turns > 0; turns -= 1) await turn();
    }
    Object.assign(server, { down: false, front: null });
    for (const type of ["online", "visible"]) page.tell(type);
    ana.connect();
    while (sends.some(({ end }) => end === null)) await turn();
    const stored = server.chats.get("5").messages;
    const byId = new Map(stored.map(({ id, seq }) => [id, seq]));
    assert.equal(byId.size, stored.length, `seed ${seed}: an id is stored once`);
    const drops = new Set(dropped.filter(({ kind }) => kind === "drop").map(({ id }) => id));
    for (const { id, end } of sends) {
      if (typeof end === "number") assert.equal(end, byId.get(id), `seed ${seed}: the ack names its place`);
      else assert.ok(drops.has(id), `seed ${seed}: ${end} without a note`);
    }
    const acked = sends.filter(({ end }) => typeof end === "number");
    assert.ok(acked.every(({ end }, n) => n === 0 || end > acked[n - 1].end), `seed ${seed}: in the order of writing`);
    assert.ok(seen.every(({ seq }, n) => n === 0 || seq === seen[n - 1].seq + 1), `seed ${seed}: heard once and in order`);
    ana.close();
  }
});
