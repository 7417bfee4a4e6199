/** @file What holds of the reconnect machine whatever happens to it: a watcher beside long seeded sequences of events. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Bench, seeded } from "./bench.js";

const POLICIES = [
  {},
  { attempts: 1, cycles: 1 },
  { attempts: 2, cycles: 3, dormantProbeMs: 45_000 },
  { attempts: 3, cycles: 2, connectTimeoutMs: 500, tokenTimeoutMs: 700, stableMs: 900 },
];
const CLOSES = [
  [1006, ""],
  [1000, ""],
  [1011, "internal_error"],
  [1012, "restarting: retry in 10 ms"],
  [4429, "rate_limited: retry in 999999 ms"],
  [4401, "token_expired"],
  [4401, "token_revoked"],
  [4508, "slow_consumer"],
  [4999, ""],
];
const PROBLEMS = [
  null,
  { cause: "server_down", code: 1006, retry: "backoff" },
  { cause: "overloaded", code: 1013, retry: "backoff", retryInMs: 5_000 },
  { cause: "token_expired", code: 4401, retry: "refresh" },
  { cause: "not_a_member", code: 4403, retry: "stop" },
];
const BUSY = ["refreshing", "connecting", "connected"];

/** Keeps its own books, by what comes out and what it was told, and never looks into the machine's counters. */
class Watcher {
  online = true;
  visible = true;
  frozen = false;
  total = 0;
  welcomedAt = -Infinity;
  revivedAt = -Infinity;

  constructor(bench) {
    this.bench = bench;
    this.forgive();
  }

  forgive() {
    Object.assign(this, { counted: 0, free: 0, wasFree: false, preflights: 0 });
  }

  feed(type, fields) {
    const { bench } = this;
    const { policy } = bench.m;
    const before = bench.state;
    this.tell(type);
    const trusted = before.name === "connected" && bench.now - this.welcomedAt >= policy.stableMs;
    const from = bench.effects.length;
    bench.feed(type, fields);
    const effects = bench.effects.slice(from);
    const after = bench.state;
    if (type === "connect" && !BUSY.includes(before.name)) this.forgive();
    if (trusted) this.forgive();
    if (before.name === "disabled" && after.name !== "disabled") this.leavesDisabled(before, type, policy);
    if (before.name === "connecting" && after.name === "connected") this.welcomedAt = bench.now;
    this.account(effects, { type, before, after, trusted, policy });
    this.rests(after, type, policy);
  }

  tell(type) {
    if (type === "online" || type === "offline") this.online = type === "online";
    if (type === "visible" || type === "hidden") this.visible = type === "visible";
    if (type === "frozen") this.frozen = true;
    if (type === "resumed" || type === "visible") this.frozen = false;
  }

  get watched() {
    return this.visible && !this.frozen;
  }

  leavesDisabled(before, type, { reviveMs }) {
    if (type === "connect" || type === "close") return;
    assert.ok(before.exhausted, `a refusal was lifted by ${type}`);
    assert.ok(["online", "visible", "named"].includes(type), `revived by ${type}`);
    assert.ok(this.bench.now - this.revivedAt >= reviveMs, "revived twice in a minute");
    this.revivedAt = this.bench.now;
    this.forgive();
  }

  account(effects, { type, before, after, trusted, policy }) {
    const asked = effects.filter((effect) => effect.type === "token" && !effect.inBand).length;
    const opened = effects.filter((effect) => effect.type === "open").length;
    const attempts = asked + (before.name === "refreshing" && type === "token" ? 0 : opened);
    let counted = 0;
    for (const { spent } of effects.filter((effect) => effect.type === "remember")) {
      const change = spent - this.total;
      this.total = spent;
      if (change === 1) counted += 1;
      else if (!trusted || spent !== 0) {
        assert.equal(change, -1, "remembers what it spent");
        assert.ok(!this.online, "an attempt was given back although there is a network");
        this.counted -= 1;
      }
    }
    this.counted += counted;
    // What ended for want of a network cost nothing, so it may be had again.
    if (this.wasFree && before.held === null && after.held === "offline" && before.name !== "waiting") this.free -= 1;
    this.free += attempts - counted;
    if (attempts > 0) this.wasFree = attempts > counted;
    if (before.name !== "disabled") this.preflights += effects.filter((effect) => effect.type === "preflight").length;
    const budget = policy.attempts * policy.cycles;
    assert.ok(this.counted <= budget, `${this.counted} attempts of ${budget}`);
    assert.ok(this.free <= 1, `${this.free} attempts were free`);
    assert.ok(this.preflights <= policy.cycles, `${this.preflights} preflights`);
    if (type === "connect") return;
    assert.ok(attempts === 0 || this.online, "an attempt without a network");
    assert.ok(counted === 0 || this.watched, "an attempt was spent unseen");
  }

  rests(state, type, policy) {
    const { deadline, now } = this.bench;
    const { name, held, retryInMs, attempt, cycle } = state;
    if (type === "wake") assert.ok(deadline === null || deadline > now, `${name} is due again at once`);
    if (name === "refreshing" || name === "connecting") assert.notEqual(deadline, null, name);
    if (name === "connected" && this.bench.m.heartbeatMs > 0) assert.notEqual(deadline, null, name);
    if (name === "idle" || name === "closed") assert.equal(deadline, null, name);
    if (name === "disabled") assert.equal(deadline !== null, state.exhausted && policy.dormantProbeMs > 0);
    if (name === "waiting") {
      assert.equal(deadline === null, held !== null);
      assert.equal(retryInMs === null, held !== null);
      assert.ok(retryInMs <= Math.max(policy.maxDelayMs, policy.maxAdviceMs));
      assert.ok(held !== "offline" || !this.online, "held offline with a network");
      assert.ok(held !== "hidden" || !this.watched, "held unseen in plain sight");
    } else assert.equal(retryInMs, null);
    assert.ok(attempt >= 0 && attempt <= policy.attempts && cycle >= 1 && cycle <= policy.cycles);
  }
}

/** One event of what may happen, each as likely as it must be for long lives and short ones. */
function happen(watcher, random) {
  const { bench } = watcher;
  const one = (list) => list[Math.floor(random() * list.length)];
  const wake = (lateMs) => {
    if (bench.deadline !== null) bench.now = Math.max(bench.now, bench.deadline + lateMs);
    watcher.feed("wake");
  };
  const pass = (ms) => {
    const to = bench.now + Math.floor(random() * ms);
    bench.now = bench.deadline === null ? to : Math.max(bench.now, Math.min(to, bench.deadline));
  };
  const closed = () => {
    const [code, reason] = one(CLOSES);
    watcher.feed("closed", { code, reason });
  };
  const tokenExpiresInMs = one([undefined, 0, 20_000, 500_000]);
  return one([
    () => wake(0),
    () => wake(0),
    () => wake(0),
    () => wake(one([1, 3_999, 60_000, 7_200_000])),
    () => watcher.feed("wake"),
    () => pass(2_000),
    () => pass(100_000),
    closed,
    closed,
    closed,
    () => watcher.feed("failed", { problem: one(PROBLEMS.slice(1)) }),
    () => watcher.feed("token"),
    () => watcher.feed("token"),
    () => watcher.feed("token"),
    () => watcher.feed("tokenFailed", { retry: random() < 0.1 ? "stop" : "backoff" }),
    () => watcher.feed("opened"),
    () => watcher.feed("welcomed", { heartbeatMs: one([undefined, 0, 25_000]), tokenExpiresInMs }),
    () => watcher.feed("welcomed", { heartbeatMs: 25_000, tokenExpiresInMs }),
    () => watcher.feed("heard"),
    () => watcher.feed("named", { problem: one(PROBLEMS) }),
    () => watcher.feed("offline"),
    () => watcher.feed("online"),
    () => watcher.feed("hidden"),
    () => watcher.feed("visible"),
    () => watcher.feed("frozen"),
    () => watcher.feed("resumed"),
    () => watcher.feed("expiring", { tokenExpiresInMs }),
    () => watcher.feed("renewed", { tokenExpiresInMs }),
    () => watcher.feed("renewFailed"),
    () => random() < 0.1 && watcher.feed("close"),
    () => random() < 0.2 && watcher.feed("connect", { carried: one([0, 14, 15, 60]) }),
  ])();
}

/** With a network and a reader, and a server that never lets it in: the machine comes to rest. */
function comesToRest(watcher) {
  const { bench } = watcher;
  for (const type of ["online", "visible", "resumed"]) watcher.feed(type);
  for (let guard = 0; guard < 300; guard += 1) {
    const { name } = bench.state;
    if (name === "refreshing") watcher.feed("token");
    else if (name === "connecting" || name === "connected") watcher.feed("closed", { code: 1011, reason: "internal_error" });
    else if (name === "waiting") {
      bench.now = Math.max(bench.now, bench.deadline);
      watcher.feed("wake");
    } else return;
  }
  assert.fail(`it never rests: ${JSON.stringify(bench.state)}`);
}

for (const [n, policy] of POLICIES.entries()) {
  test(`no sequence of events exceeds the budget, hangs or lifts a refusal: ${JSON.stringify(policy)}`, () => {
    const reached = new Set();
    for (let round = 1; round <= 250; round += 1) {
      const random = seeded(1 + n * 1_000 + round);
      const bench = new Bench(policy);
      bench.random = random;
      const watcher = new Watcher(bench);
      watcher.total = round % 5 === 0 ? 20 : 0;
      watcher.feed("connect", { carried: watcher.total });
      for (let step = 0; step < 400; step += 1) {
        happen(watcher, random);
        reached.add(bench.state.held ?? (bench.state.exhausted ? "exhausted" : bench.state.name));
      }
      comesToRest(watcher);
    }
    const all = ["closed", "connected", "connecting", "disabled", "exhausted", "hidden", "offline", "refreshing", "waiting"];
    assert.deepEqual([...reached].sort(), all, "the sequences lead everywhere");
  });
}
