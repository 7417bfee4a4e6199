import assert from "node:assert/strict";
import { test } from "node:test";
import { amount, ceiling, layers, merge, ranked, slots } from "./figures.js";

const NOW = "2026-03-01T12:00:30Z";
const minute = (ago, more = {}) => ({ at: new Date(Date.parse("2026-03-01T12:00:00Z") - ago * 60_000).toISOString(), connections: 1, accepted: 1, messages: 2, refused: {}, closed: {}, ...more });

function known(...minutes) {
  const all = new Map();
  merge(all, minutes, NOW);
  return all;
}

test("a part without a minute is not known, and not nought", () => {
  const parts = slots(known(minute(0), minute(2)), 60, NOW);
  assert.equal(parts.length, 60);
  assert.deepEqual(parts.slice(-3).map((part) => part.known), [true, false, true]);
  assert.equal(parts.at(-1).from, Date.parse("2026-03-01T12:00:00Z"));
});

test("longer parts add up, and end with who was there last", () => {
  const [part] = slots(known(minute(0, { connections: 7 }), minute(1, { connections: 3 })), 720, "2026-03-01T12:00:30Z").slice(-1);
  assert.equal(part.to - part.from, 12 * 60_000);
  const both = slots(known(minute(5, { connections: 7 }), minute(6, { connections: 3 })), 720, NOW).filter((one) => one.known);
  assert.deepEqual(both.map(({ connections, messages }) => [connections, messages]), [[7, 4]]);
});

test("a later count of a minute takes the place of the former, and the old is let go", () => {
  const all = known(minute(1), minute(1, { messages: 9 }), minute(800));
  assert.deepEqual([...all.values()].map(({ messages }) => messages), [9]);
});

test("causes are ranked, and those beyond the colours stand together", () => {
  const refused = Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`cause_${n}`, 10 - n]));
  const parts = slots(known(minute(0, { refused, closed: { none: { client: 50 }, cause_8: { server: 20 } } })), 60, NOW);
  assert.deepEqual(ranked(parts).slice(0, 2).map(({ cause }) => cause), ["none", "cause_8"]);
  const stacked = layers(parts);
  assert.deepEqual(stacked.map(({ cause }) => cause).filter((cause) => !cause.startsWith("cause")), ["none", "others"]);
  const sum = stacked.reduce((all, layer) => all + amount(parts.at(-1), layer), 0);
  assert.equal(sum, 50 + 20 + 10 + 9 + 8 + 7 + 6 + 5 + 4 + 3 + 2);
});

test("an axis ends at a round number", () => {
  assert.deepEqual([[0], [1], [3], [7, 2], [11], [501]].map(ceiling), [1, 1, 4, 8, 20, 600]);
});
