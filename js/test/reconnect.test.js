/** @file The reconnect scenarios that every client of Charla is held to, step by step and effect by effect. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { deadline, machine, step } from "../src/machine.js";

const { scenarios } = JSON.parse(readFileSync(new URL("../../protocol/vectors/reconnect.json", import.meta.url), "utf8"));

/** What a state leaves out when there is nothing to say. */
const UNSAID = { detail: null, held: null, exhausted: false };

function told({ name, cause, code, detail = null, willRetry, retryInMs, attempt, of, cycle, spent, held, exhausted }) {
  return { name, cause, code, detail, willRetry, retryInMs, attempt, of, cycle, spent, held, exhausted };
}

/** A number for every draw, or a list that must be used up exactly. */
function draws(random) {
  const left = Array.isArray(random) ? [...random] : null;
  return {
    random: () => {
      assert.ok(left === null || left.length > 0, "one draw too many");
      return left === null ? random : left.shift();
    },
    rest: () => left ?? [],
  };
}

for (const { name, policy, random = 0.5, steps } of scenarios) {
  test(name, () => {
    const { random: draw, rest } = draws(random);
    let m = machine(policy);
    for (const { at, event, effects, state, deadline: due } of steps) {
      const next = step(m, event, { now: at, random: draw });
      m = next.machine;
      const where = `at ${at}: ${event.type}`;
      assert.deepEqual(next.effects, effects, where);
      assert.deepEqual(told(m.state), { ...UNSAID, ...state }, where);
      assert.equal(deadline(m), due, where);
    }
    assert.deepEqual(rest(), [], "every draw is used");
  });
}

test("there are fifty scenarios and more, each with its own name", () => {
  assert.ok(scenarios.length >= 50);
  assert.equal(new Set(scenarios.map(({ name }) => name)).size, scenarios.length);
});
