/** @file Days and weeks on virtual time: how often a client comes back to a server that does not let it stay. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Bench, live, seeded } from "./bench.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;
const WEEK = 7 * DAY;
const SEEDS = 400;

function born(seed, policy) {
  const bench = new Bench(policy);
  bench.random = seeded(seed);
  return bench.feed("connect");
}

/** Accepts, welcomes and closes after that long. */
const flaps = (ms, code = 1011, reason = "internal_error") => (bench) => {
  bench.feed("welcomed", { heartbeatMs: 0 }).pass(ms);
  bench.close(code, reason);
};

/** These figures, and those below, are the Rust client's too, and stand in docs/reconnect.md. */
const SPAN = { least: 327_379, mean: 398_887, most: 473_456 };

/** Smallest, mean and largest. */
function spread(numbers) {
  const sum = numbers.reduce((total, number) => total + number, 0);
  return { least: Math.min(...numbers), mean: Math.round(sum / numbers.length), most: Math.max(...numbers) };
}

test("a day of an unreachable server: fifteen attempts, and they span six minutes and more on average", (t) => {
  const problem = { cause: "server_unreachable", code: 1006, retry: "backoff" };
  const spans = [];
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const bench = born(seed);
    const began = bench.now;
    let last = began;
    live(
      bench,
      DAY,
      () => {
        last = bench.now;
        bench.close(1006);
      },
      problem,
    );
    assert.equal(bench.count("open"), 15);
    assert.equal(bench.count("token"), 3);
    assert.equal(bench.count("preflight"), 3);
    assert.deepEqual([bench.state.name, bench.state.cause], ["disabled", "server_unreachable"]);
    spans.push(last - began);
  }
  const span = spread(spans);
  t.diagnostic(`from the first attempt to the fifteenth, ms: ${JSON.stringify(span)}`);
  assert.ok(span.mean >= 6 * MINUTE, `${span.mean} ms`);
  assert.deepEqual(span, SPAN);
});

for (const [ms, title] of [[0, "at once"], [5 * SECOND, "after 5 s"], [9_999, "a millisecond before it is trusted"]]) {
  test(`a week of a server that welcomes and closes ${title}: fifteen attempts`, () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const bench = live(born(seed), WEEK, flaps(ms));
      assert.equal(bench.count("open"), 15);
      assert.equal(bench.state.name, "disabled");
    }
  });
}

const TEN = { least: 11_001, mean: 11_006, most: 11_015 };
const ELEVEN = { least: 10_805, mean: 10_810, most: 10_818 };
const SIXTY = { least: 9_997, mean: 9_997, most: 9_998 };

for (const [title, fate, expected] of [
  ["after 10 s, an internal error", flaps(10 * SECOND), TEN],
  ["after 11 s, an internal error", flaps(11 * SECOND), ELEVEN],
  ["after 11 s, a restart that is over in 10 ms", flaps(11 * SECOND, 1012, "restarting: retry in 10 ms"), ELEVEN],
  ["after 11 s, a token that has expired", flaps(11 * SECOND, 4401, "token_expired"), ELEVEN],
  ["after 11 s, a reader that is too slow", flaps(11 * SECOND, 4508, "slow_consumer"), ELEVEN],
  ["after a minute, an internal error", flaps(MINUTE), SIXTY],
]) {
  test(`a week of a server that closes ${title}: about one attempt a minute`, (t) => {
    const attempts = [];
    for (let seed = 1; seed <= 3; seed += 1) attempts.push(live(born(seed), WEEK, fate).count("open"));
    const week = spread(attempts);
    t.diagnostic(`attempts in a week: ${JSON.stringify(week)}`);
    assert.deepEqual(week, expected);
  });
}

test("flapping does not reset the counters", () => {
  for (const ms of [0, 1, SECOND, 9_999]) {
    const bench = born(1);
    const seen = [];
    live(bench, DAY, (b) => {
      seen.push(b.m.spent);
      flaps(ms)(b);
    });
    assert.deepEqual(seen, Array.from({ length: 15 }, (_, n) => n + 1), `closed after ${ms} ms`);
  }
});

test("a page that reloads itself for a day is slowed to about one attempt a minute", () => {
  let carried = 0;
  let now = 0;
  let loads = 0;
  const random = seeded(1);
  for (; now < DAY; loads += 1) {
    const bench = new Bench();
    Object.assign(bench, { now, random });
    bench.feed("connect", { carried });
    if (bench.state.name === "waiting") bench.next();
    bench.feed("token").close(1011, "internal_error");
    carried = bench.effects.findLast(({ type }) => type === "remember").spent;
    now = bench.now + 100;
  }
  assert.equal(carried, loads);
  assert.equal(loads, 1_921);
});
