import assert from "node:assert/strict";
import { test } from "node:test";

import { POLICY } from "../src/machine.js";
import { Bench, exhaust, seeded } from "./bench.js";

test("a connection comes up", () => {
  const bench = new Bench().welcome();
  assert.deepEqual(bench.states, ["refreshing", "connecting", "connected"]);
  assert.equal(bench.count("token"), 1);
  assert.equal(bench.count("open"), 1);
});

test("fifteen attempts, three tokens, then disabled", () => {
  const bench = exhaust(new Bench().connect(), (b) => b.close(1006));
  assert.equal(bench.count("open"), 15);
  assert.equal(bench.count("token"), 3);
  assert.equal(bench.count("preflight"), 3);
  assert.equal(bench.state.name, "disabled");
  assert.equal(bench.state.exhausted, true);
  assert.equal(bench.deadline, null, "nothing runs on once it is disabled");
});

test("the fifteen attempts span more than six minutes on average, and no wait exceeds a minute", () => {
  const spans = [];
  for (let round = 0; round < 200; round += 1) {
    const bench = new Bench();
    bench.random = seeded(round + 1);
    const start = bench.now;
    exhaust(bench.connect(), (b) => {
      b.close(1006);
      if (b.state.name === "waiting") assert.ok(b.state.retryInMs <= POLICY.maxDelayMs);
    });
    spans.push(bench.now - start);
  }
  const mean = spans.reduce((sum, ms) => sum + ms, 0) / spans.length;
  assert.ok(mean > 6 * 60_000 && mean < 9 * 60_000, `mean span ${mean} ms`);
});

test("the waits of the first cycle are drawn from 0 to 1, 2, 4, 8, 16 s", () => {
  for (const [draw, expected] of [[0, [0, 0, 0, 0, 0]], [0.999_999, [1_000, 2_000, 4_000, 8_000, 16_000]]]) {
    const bench = new Bench();
    bench.random = () => draw;
    const waits = [];
    bench.connect();
    while (waits.length < 5) {
      bench.close(1006);
      waits.push(bench.state.retryInMs);
      bench.feed("named", { problem: null });
      if (bench.state.name === "waiting") bench.next();
      if (bench.state.name === "refreshing") bench.feed("token");
    }
    assert.deepEqual(waits, expected);
  }
});

test("a server that accepts and closes at once is bounded: flapping never resets the counters", () => {
  const bench = exhaust(new Bench().connect(), (b) => {
    b.feed("welcomed", { heartbeatMs: 25_000 });
    b.pass(POLICY.stableMs - 1);
    b.close(1006);
  });
  assert.equal(bench.count("open"), 15);
  assert.equal(bench.state.name, "disabled");
});

test("ten seconds of a working connection forget the counters", () => {
  const bench = new Bench().connect();
  for (let round = 0; round < 4; round += 1) {
    bench.close(1011, "internal_error").next();
  }
  assert.equal(bench.m.attempt, 5);
  bench.feed("welcomed", { heartbeatMs: 25_000 }).pass(POLICY.stableMs);
  assert.equal(bench.m.attempt, 0);
  bench.close(1011, "internal_error");
  assert.deepEqual([bench.state.attempt, bench.state.cycle], [1, 1]);
});

for (const [code, reason, cause] of [
  [4403, "not_a_member", "not_a_member"],
  [4404, "chat_not_found: no chat 999", "chat_not_found"],
  [4400, "", "bad_request"],
  [4410, "chat_closed", "chat_closed"],
  [1009, "message_too_big", "message_too_big"],
  [4999, "", null],
]) {
  test(`${code} ${reason} stops at once`, () => {
    const bench = new Bench().connect().close(code, reason);
    assert.equal(bench.state.name, "disabled");
    assert.equal(bench.state.cause, cause);
    assert.equal(bench.state.code, code);
    assert.equal(bench.state.exhausted, false);
    assert.equal(bench.count("open"), 1);
    bench.pass(3_600_000).feed("offline").feed("online");
    assert.equal(bench.state.name, "disabled", "the network coming back does not lift a refusal");
    bench.feed("connect");
    assert.equal(bench.state.name, "refreshing", "the user does");
  });
}

test("an expired token is replaced at once, and a new one refused in the same words stops", () => {
  const bench = new Bench().connect().close(4401, "token_expired: 3 min ago");
  assert.equal(bench.state.name, "refreshing");
  assert.equal(bench.effects.at(-1).refused, "token_expired");
  bench.feed("token").close(4401, "token_expired");
  assert.equal(bench.state.name, "disabled");
  assert.equal(bench.state.cause, "token_expired");
  assert.equal(bench.count("open"), 2);
});

test("tokens refused in ever other words stop with the cycles", () => {
  const bench = new Bench().connect();
  const causes = ["token_expired", "token_revoked", "token_invalid"];
  for (const cause of causes) {
    bench.close(4401, cause);
    if (bench.state.name === "refreshing") bench.feed("token");
  }
  assert.equal(bench.state.name, "disabled");
  assert.equal(bench.count("open"), 3);
});

test("no other token to be had: the refusal stands", () => {
  const bench = new Bench().connect().close(4401, "token_invalid");
  bench.feed("tokenFailed", { retry: "stop" });
  assert.equal(bench.state.name, "disabled");
  assert.deepEqual([bench.state.cause, bench.state.code], ["token_invalid", 4401]);
});

test("a token endpoint that is down costs attempts like anything else", () => {
  const bench = new Bench().feed("connect");
  for (let guard = 0; guard < 100 && bench.state.name !== "disabled"; guard += 1) {
    if (bench.state.name === "refreshing") bench.feed("tokenFailed", { cause: "server_unreachable" });
    else bench.next();
  }
  assert.equal(bench.count("token"), 15);
  assert.equal(bench.count("open"), 0);
  assert.equal(bench.state.name, "disabled");
});

test("the server's advice is honoured and free the first time", () => {
  const bench = new Bench().connect().close(1012, "restarting: retry in 7300 ms");
  assert.equal(bench.state.retryInMs, 7_300);
  assert.equal(bench.state.cause, "restarting");
  bench.next();
  assert.equal(bench.state.name, "connecting");
  assert.equal(bench.m.attempt, 1, "not counted");
  bench.close(1012, "restarting: retry in 9000 ms");
  assert.equal(bench.state.retryInMs, 9_000);
  bench.next();
  assert.equal(bench.m.attempt, 2, "counted the second time");
});

test("advice is clamped, and a server that only ever advises is bounded", () => {
  const bench = new Bench().connect().close(4429, "rate_limited: retry in 999999999 ms");
  assert.equal(bench.state.retryInMs, POLICY.maxAdviceMs);
  const flood = exhaust(new Bench().connect(), (b) => b.close(4429, "rate_limited: retry in 10 ms"));
  assert.equal(flood.count("open"), 16, "fifteen and the free one");
  assert.equal(flood.state.name, "disabled");
});

test("offline spends nothing and waits for the network", () => {
  const bench = new Bench().connect();
  for (let round = 0; round < 30; round += 1) {
    bench.feed("offline").close(1006);
    assert.deepEqual([bench.state.name, bench.state.held, bench.state.cause], ["waiting", "offline", "offline"]);
    assert.equal(bench.deadline, null);
    bench.feed("online").next();
    assert.equal(bench.state.name, "connecting");
  }
  assert.equal(bench.m.attempt, 1);
});

test("a hidden page holds its attempts until somebody looks", () => {
  const bench = new Bench().welcome().pass(POLICY.stableMs).feed("hidden").close(1011, "internal_error").next();
  assert.deepEqual([bench.state.name, bench.state.held], ["waiting", "hidden"]);
  assert.equal(bench.count("open"), 1);
  bench.pass(3_600_000).feed("visible");
  assert.equal(bench.state.name, "refreshing");
});

test("a hidden page still comes back after an announced restart", () => {
  const bench = new Bench().welcome().pass(POLICY.stableMs).feed("hidden").close(1012, "restarting: retry in 500 ms");
  bench.next();
  assert.equal(bench.state.name, "refreshing");
});

test("exhaustion ends when the network or the reader comes back, at most once a minute", () => {
  const bench = exhaust(new Bench().connect(), (b) => b.close(1006));
  bench.feed("online");
  assert.equal(bench.state.name, "refreshing");
  bench.feed("token");
  exhaust(bench, (b) => b.close(1006));
  const restedAt = bench.now;
  bench.m = { ...bench.m, revivedAt: restedAt - 1_000 };
  bench.feed("offline").feed("online");
  assert.equal(bench.state.name, "disabled");
  bench.pass(POLICY.reviveMs).feed("hidden").pass(POLICY.reviveMs).feed("visible");
  assert.equal(bench.state.name, "refreshing");
});

test("the preflight names what a 1006 hides", async (t) => {
  const named = (problem) => new Bench().connect().close(1006).feed("named", { problem });
  await t.test("a refusal stops", () => {
    const { state } = named({ cause: "not_a_member", code: 4403, retry: "stop" });
    assert.deepEqual([state.name, state.cause, state.code], ["disabled", "not_a_member", 4403]);
  });
  await t.test("a dead token is replaced", () => {
    assert.equal(named({ cause: "token_expired", code: 4401, retry: "refresh" }).state.name, "refreshing");
  });
  await t.test("a server that is down is said to be so, also for the failures after", () => {
    const bench = named({ cause: "server_down", code: 1006, retry: "backoff" });
    assert.deepEqual([bench.state.name, bench.state.cause], ["waiting", "server_down"]);
    bench.next().close(1006);
    assert.equal(bench.state.cause, "server_down");
    assert.equal(bench.count("preflight"), 1, "once a cycle");
  });
  await t.test("the next attempt waits for the answer", () => {
    const bench = new Bench().connect().close(1006);
    assert.ok(bench.state.until < bench.deadline);
    bench.now = bench.state.until + 1;
    assert.equal(bench.feed("wake").state.name, "waiting");
    bench.feed("named", { problem: null });
    assert.equal(bench.state.name, "connecting");
  });
});

test("silence is a dead socket", () => {
  const bench = new Bench().welcome();
  bench.pass(25_000);
  assert.equal(bench.count("ping"), 1);
  bench.feed("heard").pass(25_000);
  assert.equal(bench.state.name, "connected");
  assert.equal(bench.count("ping"), 2);
  bench.pass(POLICY.graceMs);
  assert.deepEqual([bench.state.name, bench.state.cause], ["waiting", "heartbeat_timeout"]);
  assert.equal(bench.effects.filter((effect) => effect.type === "shut").length, 1);
});

test("frames that keep coming make pings needless", () => {
  const bench = new Bench().welcome();
  for (let second = 0; second < 120; second += 1) bench.pass(1_000).feed("heard");
  assert.equal(bench.count("ping"), 0);
});

test("after sleep the socket is asked before it is trusted", () => {
  const bench = new Bench().welcome().pass(POLICY.stableMs);
  bench.now += 3_600_000;
  bench.feed("resumed");
  assert.equal(bench.count("ping"), 1);
  bench.pass(POLICY.probeMs);
  assert.equal(bench.state.name, "waiting");
});

test("a handshake that never ends is ended", () => {
  const bench = new Bench().connect().pass(POLICY.connectTimeoutMs);
  assert.equal(bench.state.name, "waiting");
  assert.equal(bench.count("shut"), 1);
});

test("close() ends everything, whatever was going on", () => {
  for (const into of [(b) => b.feed("connect"), (b) => b.connect(), (b) => b.welcome(), (b) => b.connect().close(1006)]) {
    const bench = into(new Bench()).feed("close");
    assert.equal(bench.state.name, "closed");
    assert.equal(bench.deadline, null);
    bench.feed("online").feed("visible").close(1006).feed("token");
    assert.equal(bench.state.name, "closed");
  }
});

test("no sequence of events exceeds the budget", () => {
  const random = seeded(7);
  const closes = [[1006, ""], [1012, "restarting: retry in 10 ms"], [4401, "token_expired"], [4508, "slow_consumer"], [1000, ""]];
  const events = [
    (b) => b.close(...closes[Math.floor(random() * closes.length)]),
    (b) => b.feed("welcomed", { heartbeatMs: 25_000 }),
    (b) => b.feed("token"),
    (b) => b.feed("tokenFailed", {}),
    (b) => b.feed("named", { problem: random() < 0.5 ? null : { cause: "server_down", code: 1006, retry: "backoff" } }),
    (b) => b.feed("hidden"),
    (b) => b.feed("visible"),
    (b) => b.feed("heard"),
    (b) => (b.deadline !== null && b.state.name !== "connected" ? b.next() : b),
  ];
  for (let round = 0; round < 300; round += 1) {
    const bench = new Bench();
    bench.random = random;
    bench.connect();
    for (let n = 0; n < 400 && bench.state.name !== "disabled"; n += 1) events[Math.floor(random() * events.length)](bench);
    assert.ok(bench.count("open") <= 16, `${bench.count("open")} attempts`);
    assert.ok(bench.count("token") <= 16);
  }
});
