/**
 * @file When to connect, when to wait, when to stop: the reconnect policy as a pure step function.
 *
 * Events go in, the next machine and a list of effects come out. No socket, no timer, no clock and no
 * randomness of its own: the caller passes `now` and `random` and carries the effects out.
 *
 * The limit is 5 attempts to a cycle and 3 cycles, with a new token between cycles: 15 attempts, then
 * `disabled`. The counters go back to zero only after a connection has stayed up for `stableMs`, so a
 * server that accepts and closes at once is bounded too. What the server refuses for good (`stop`)
 * ends at once; being offline or hidden spends nothing.
 */
import { problemOfClose } from "./closes.js";

/**
 * @typedef {import("./closes.js").Problem} Problem
 *
 * @typedef {object} Policy
 * @property {number} attempts Attempts in a cycle.
 * @property {number} cycles Cycles, each with a new token.
 * @property {number} firstDelayMs Bound of the first wait; doubles with each attempt.
 * @property {number} maxDelayMs Bound that no wait of our own choosing exceeds.
 * @property {number} stableMs How long a connection must stay up before the counters are forgotten.
 * @property {number} connectTimeoutMs From opening the socket to the server's welcome.
 * @property {number} graceMs How long a ping may stay unanswered.
 * @property {number} probeMs The same after sleep, where an answer is either quick or never comes.
 * @property {number} maxAdviceMs Longest wait accepted from a server.
 * @property {number} reviveMs `online` or a returning reader revives a disabled client at most this often.
 *
 * @typedef {{name: "idle"}
 *   | {name: "refreshing", attempt: number, of: number, cycle: number}
 *   | {name: "connecting", attempt: number, of: number, cycle: number}
 *   | {name: "connected", since: number}
 *   | Waiting
 *   | {name: "disabled", cause: string | null, code: number, detail?: string, exhausted: boolean, spent: number}
 *   | {name: "closed"}} State
 *
 * @typedef {object} Waiting
 * @property {"waiting"} name
 * @property {number | null} delayMs Null while held: no timer runs until the page is back.
 * @property {number | null} until Time of the next attempt, on the caller's clock.
 * @property {"offline" | "hidden" | null} held
 * @property {number} attempt The attempt that comes next.
 * @property {number} of
 * @property {number} cycle
 * @property {string | null} cause
 * @property {number} code
 * @property {string} [detail]
 * @property {boolean} free The next attempt is not counted.
 * @property {boolean} asking A preflight is out, to name the cause.
 * @property {boolean} due The delay is over; only the preflight's answer is awaited.
 *
 * @typedef {{type: "token", refused: string | null}
 *   | {type: "open"}
 *   | {type: "shut", code: number, reason: string}
 *   | {type: "arm", timer: Timer, delayMs: number}
 *   | {type: "disarm", timer: Timer}
 *   | {type: "ping"}
 *   | {type: "preflight"}} Effect
 * @typedef {"retry" | "connect" | "stable" | "liveness"} Timer
 *
 * @typedef {object} Machine
 * @property {Policy} policy
 * @property {State} state
 * @property {number} attempt Attempts spent in this cycle.
 * @property {number} cycle
 * @property {number} spent Attempts spent since the counters were last forgotten, for the report.
 * @property {boolean} counted Whether the attempt under way was counted.
 * @property {boolean} hasToken The caller holds a token that this cycle may use.
 * @property {string | null} refused The refusal for which the present token was fetched.
 * @property {boolean} advised The server's advice was followed once already, uncounted.
 * @property {boolean} asked The preflight of this cycle was spent.
 * @property {Problem | null} named What it answered: said of later failures that name nothing themselves.
 * @property {Problem | null} last
 * @property {boolean} online
 * @property {boolean} visible
 * @property {number} hiddenAt
 * @property {number} revivedAt
 * @property {number} heartbeatMs
 * @property {number} heardAt
 * @property {number | null} pingedAt
 */

/** @type {Policy} */
export const POLICY = Object.freeze({
  attempts: 5,
  cycles: 3,
  firstDelayMs: 1_000,
  maxDelayMs: 60_000,
  stableMs: 10_000,
  connectTimeoutMs: 15_000,
  graceMs: 10_000,
  probeMs: 4_000,
  maxAdviceMs: 300_000,
  reviveMs: 60_000,
});

/**
 * @param {Partial<Policy>} [policy]
 * @returns {Machine}
 */
export function machine(policy = {}) {
  return {
    policy: { ...POLICY, ...policy },
    state: { name: "idle" },
    ...FRESH,
    last: null,
    online: true,
    visible: true,
    hiddenAt: 0,
    revivedAt: -Infinity,
    heartbeatMs: 25_000,
    heardAt: 0,
    pingedAt: null,
  };
}

/** Counters of a client that owes nobody anything. */
const FRESH = {
  attempt: 0,
  cycle: 1,
  spent: 0,
  counted: false,
  hasToken: false,
  refused: null,
  advised: false,
  asked: false,
  named: null,
};

/**
 * @param {Machine} before
 * @param {{type: string, [field: string]: any}} event
 * @param {{now: number, random: () => number}} world
 * @returns {{machine: Machine, effects: Effect[]}}
 */
export function step(before, event, world) {
  const run = { m: { ...before }, effects: /** @type {Effect[]} */ ([]), ...world };
  const handle = EVENTS[event.type];
  if (!handle) throw new TypeError(`the machine knows no event ${event.type}`);
  handle(run, event);
  return { machine: run.m, effects: run.effects };
}

const EVENTS = {
  /** The user, or the page for them, asks: a fresh budget, at once. */
  connect(run) {
    const { m } = run;
    if (m.state.name === "connecting" || m.state.name === "connected" || m.state.name === "refreshing") return;
    Object.assign(m, FRESH);
    attempt(run, true);
  },

  close(run) {
    leaveTimers(run);
    run.effects.push({ type: "shut", code: 1000, reason: "" });
    run.m.state = { name: "closed" };
  },

  token(run) {
    if (run.m.state.name !== "refreshing") return;
    run.m.hasToken = true;
    open(run);
  },

  /** `retry: "stop"`: there will be no other token (the person must sign in again). */
  tokenFailed(run, { cause = "token_unavailable", retry = "backoff", detail }) {
    const { m } = run;
    if (m.state.name !== "refreshing") return;
    if (retry !== "stop") return lost(run, { cause, code: 1006, retry: "backoff", detail });
    disable(run, m.refused && m.last ? m.last : { cause, code: 4401, retry: "stop", detail }, false);
  },

  welcomed(run, { heartbeatMs }) {
    const { m } = run;
    if (m.state.name !== "connecting") return;
    if (heartbeatMs > 0) m.heartbeatMs = heartbeatMs;
    m.heardAt = run.now;
    m.pingedAt = null;
    m.state = { name: "connected", since: run.now };
    disarm(run, "connect");
    arm(run, "stable", m.policy.stableMs);
    arm(run, "liveness", m.heartbeatMs);
  },

  heard(run) {
    run.m.heardAt = run.now;
  },

  closed(run, { code, reason }) {
    const { name } = run.m.state;
    if (name === "connecting" || name === "connected") lost(run, problemOfClose(code, reason));
  },

  /** The preflight's answer. A null cause means that it found nothing wrong. */
  named(run, { problem }) {
    const { m } = run;
    if (m.state.name !== "waiting" || !m.state.asking) return;
    m.state = { ...m.state, asking: false };
    if (m.state.held === "offline") return;
    if (problem?.cause) {
      m.last = m.named = problem;
      if (problem.retry === "stop") return disable(run, problem, false);
      if (problem.retry === "refresh") return refresh(run, problem);
      if (problem.retryInMs !== undefined && !m.advised) return follow(run, problem);
      m.state = { ...m.state, ...told(problem) };
    }
    if (m.state.due) go(run);
  },

  timer(run, { timer }) {
    TIMERS[timer](run);
  },

  offline(run) {
    run.m.online = false;
    if (run.m.state.name === "waiting") hold(run, "offline");
  },

  online(run) {
    const { m } = run;
    m.online = true;
    if (m.state.name === "connected") return probe(run);
    if (m.state.name === "waiting" && m.state.held === "offline") {
      // All of a building comes back in the same instant.
      return wait(run, run.random() * m.policy.firstDelayMs);
    }
    revive(run);
  },

  hidden(run) {
    run.m.visible = false;
    run.m.hiddenAt = run.now;
  },

  visible(run) {
    const { m } = run;
    const awayMs = m.visible ? 0 : run.now - m.hiddenAt;
    m.visible = true;
    if (m.state.name === "connected") return probe(run);
    if (m.state.name === "waiting" && m.state.held === "hidden") return go(run);
    if (awayMs >= m.policy.reviveMs) revive(run);
  },

  /** The browser froze the tab, or the machine slept. */
  resumed(run) {
    if (run.m.state.name === "connected") probe(run);
  },
};

const TIMERS = {
  retry(run) {
    const { m } = run;
    if (m.state.name !== "waiting" || m.state.held) return;
    if (m.state.asking) m.state = { ...m.state, due: true };
    else go(run);
  },

  connect(run) {
    if (run.m.state.name !== "connecting") return;
    run.effects.push({ type: "shut", code: 4408, reason: "handshake_timeout" });
    lost(run, problemOfClose(1006));
  },

  stable(run) {
    if (run.m.state.name === "connected") Object.assign(run.m, FRESH);
  },

  liveness(run) {
    const { m } = run;
    if (m.state.name !== "connected") return;
    if (m.pingedAt !== null && m.heardAt < m.pingedAt) {
      run.effects.push({ type: "shut", code: 4408, reason: "heartbeat_timeout" });
      return lost(run, problemOfClose(4408, "heartbeat_timeout"));
    }
    const silentMs = run.now - m.heardAt;
    if (silentMs >= m.heartbeatMs) return ping(run, m.policy.graceMs);
    m.pingedAt = null;
    arm(run, "liveness", m.heartbeatMs - silentMs);
  },
};

function attempt(run, counted) {
  const { m } = run;
  m.counted = counted;
  if (counted) {
    m.attempt += 1;
    m.spent += 1;
  }
  if (m.hasToken) return open(run);
  m.state = { name: "refreshing", ...place(m) };
  disarm(run, "retry");
  run.effects.push({ type: "token", refused: m.refused });
}

function open(run) {
  const { m } = run;
  m.state = { name: "connecting", ...place(m) };
  disarm(run, "retry");
  arm(run, "connect", m.policy.connectTimeoutMs);
  run.effects.push({ type: "open" });
}

/** An attempt failed, or a connection ended: what now? */
function lost(run, bare) {
  const { m } = run;
  const problem = bare.cause === null && m.named ? { ...m.named, retry: bare.retry, retryInMs: undefined } : bare;
  leaveTimers(run);
  if (!m.online) {
    giveBack(m);
    m.state = waiting(m, problem);
    return hold(run, "offline");
  }
  m.last = problem;
  if (problem.retry === "stop") return disable(run, problem, false);
  if (problem.retry === "refresh") return refresh(run, problem);
  if (problem.retryInMs !== undefined && !m.advised) return follow(run, problem);
  backOff(run, problem, bare.cause === null && !m.asked);
}

/** The first advice is free: the server chose the moment, so the wait is its, not ours. */
function follow(run, problem) {
  run.m.advised = true;
  run.m.state = { ...waiting(run.m, problem), free: true };
  wait(run, Math.min(problem.retryInMs, run.m.policy.maxAdviceMs));
}

function backOff(run, problem, asking) {
  const { m } = run;
  const ownMs = delayMs(m, run.random);
  if (m.attempt >= m.policy.attempts && !nextCycle(m)) return disable(run, problem, true);
  m.state = waiting(m, problem);
  if (asking) {
    m.asked = true;
    m.state = { ...m.state, asking };
    run.effects.push({ type: "preflight" });
  }
  wait(run, problem.retryInMs === undefined ? ownMs : Math.min(problem.retryInMs, m.policy.maxAdviceMs));
}

/** A new token at once, for a new cycle; a new token refused in the same words is a refusal for good. */
function refresh(run, problem) {
  const { m } = run;
  if (m.refused === problem.cause) return disable(run, problem, false);
  m.refused = problem.cause;
  if (!nextCycle(m)) return disable(run, problem, true);
  attempt(run, true);
}

function nextCycle(m) {
  if (m.cycle >= m.policy.cycles) return false;
  m.cycle += 1;
  m.attempt = 0;
  m.hasToken = false;
  m.asked = false;
  return true;
}

function go(run) {
  const { m } = run;
  if (!m.online) return hold(run, "offline");
  if (!m.visible && !m.state.free) return hold(run, "hidden");
  attempt(run, !m.state.free);
}

function hold(run, held) {
  disarm(run, "retry");
  const offline = held === "offline" ? { cause: "offline", code: 1006, detail: undefined } : {};
  run.m.state = { ...run.m.state, ...offline, delayMs: null, until: null, held };
}

function wait(run, delay) {
  const { m } = run;
  const ms = Math.round(delay);
  m.state = { ...m.state, delayMs: ms, until: run.now + ms, held: null, due: false };
  arm(run, "retry", ms);
}

function revive(run) {
  const { m } = run;
  // What a server refused for good stays refused, however often the train leaves a tunnel.
  if (m.state.name !== "disabled" || !m.state.exhausted) return;
  if (run.now - m.revivedAt < m.policy.reviveMs) return;
  m.revivedAt = run.now;
  EVENTS.connect(run);
}

function disable(run, problem, exhausted) {
  leaveTimers(run);
  run.m.state = { name: "disabled", ...told(problem), exhausted, spent: run.m.spent };
}

/** An open socket proves nothing after a sleep: ask. */
function probe(run) {
  if (run.now - run.m.heardAt > run.m.policy.probeMs) ping(run, run.m.policy.probeMs);
}

function ping(run, answerMs) {
  run.m.pingedAt = run.now;
  run.effects.push({ type: "ping" });
  arm(run, "liveness", answerMs);
}

/**
 * Full jitter in the first cycle, where most outages end; from then on the upper half, so that the
 * 15 attempts span more than six minutes on average and an ordinary deploy strands nobody.
 */
function delayMs(m, random) {
  const nth = Math.max(1, (m.cycle - 1) * m.policy.attempts + m.attempt);
  const bound = Math.min(m.policy.maxDelayMs, m.policy.firstDelayMs * 2 ** (nth - 1));
  return m.cycle === 1 ? bound * random() : bound * (0.5 + 0.5 * random());
}

function waiting(m, problem) {
  const next = { attempt: m.attempt + 1, of: m.policy.attempts, cycle: m.cycle };
  const still = { delayMs: null, until: null, held: null, free: false, asking: false, due: false };
  return { name: "waiting", ...next, ...still, ...told(problem) };
}

function told({ cause, code, detail }) {
  return { cause, code, detail };
}

function place(m) {
  return { attempt: m.attempt, of: m.policy.attempts, cycle: m.cycle };
}

function giveBack(m) {
  if (!m.counted) return;
  m.counted = false;
  m.attempt -= 1;
  m.spent -= 1;
}

function leaveTimers(run) {
  for (const timer of ["retry", "connect", "stable", "liveness"]) disarm(run, timer);
}

function arm(run, timer, delay) {
  run.effects.push({ type: "arm", timer, delayMs: delay });
}

function disarm(run, timer) {
  run.effects.push({ type: "disarm", timer });
}
