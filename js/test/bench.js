/**
 * @file A machine on virtual time: a clock that only moves when told, and whatever came out so far.
 */
import assert from "node:assert/strict";

import { deadline, machine, step } from "../src/machine.js";

/** Numbers that do not depend on the day (MINSTD, Park and Miller 1988). */
export function seeded(seed) {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

export class Bench {
  now = 1_000_000;
  random = () => 0.5;
  effects = [];
  states = [];

  constructor(policy) {
    this.m = machine(policy);
  }

  feed(type, fields = {}) {
    const before = this.m.state;
    const { machine: next, effects } = step(this.m, { type, ...fields }, { now: this.now, random: this.random });
    this.m = next;
    if (next.state !== before) this.states.push(next.state.name);
    this.effects.push(...effects);
    return this;
  }

  get deadline() {
    return deadline(this.m);
  }

  /** Lets time pass up to the deadline. */
  next() {
    assert.notEqual(this.deadline, null, `nothing is due in ${this.state.name}`);
    this.now = Math.max(this.now, this.deadline);
    return this.feed("wake");
  }

  pass(ms) {
    const until = this.now + ms;
    while (this.deadline !== null && this.deadline <= until) this.next();
    this.now = until;
    return this;
  }

  count(type) {
    return this.effects.filter((effect) => effect.type === type).length;
  }

  get state() {
    return this.m.state;
  }

  connect() {
    return this.feed("connect").feed("token");
  }

  welcome() {
    return this.connect().feed("welcomed", { heartbeatMs: 25_000 });
  }

  close(code, reason = "") {
    return this.feed("closed", { code, reason });
  }
}

/** Fails every attempt in the given way until the machine rests. */
export function exhaust(bench, fail) {
  for (let guard = 0; guard < 1_000; guard += 1) {
    const { name } = bench.state;
    if (name === "refreshing") bench.feed("token");
    else if (name === "connecting") fail(bench);
    else if (name === "waiting") bench.feed("named", { problem: null }).next();
    else return bench;
  }
  throw new Error("the machine never rests");
}

/** Lives for that long beside a server which does this to every attempt. */
export function live(bench, ms, fate, problem = null) {
  const end = bench.now + ms;
  while (bench.now < end) {
    const { name } = bench.state;
    if (name === "refreshing") bench.feed("token");
    else if (name === "connecting") fate(bench);
    else {
      if (name === "waiting") bench.feed("named", { problem });
      if (bench.state.name !== name) continue;
      if (bench.deadline === null || bench.deadline > end) break;
      bench.next();
    }
  }
  bench.now = Math.max(bench.now, end);
  return bench;
}
