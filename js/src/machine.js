/**
 * @file When to connect, when to wait, when to stop: the reconnect policy as a pure step function.
 *
 * Events go in, the next machine and a list of effects come out. No socket, no timer, no clock and no
 * randomness of its own: the caller passes `now` and `random`, carries the effects out and feeds `wake`
 * at the one `deadline`. A `wake` may come early (nothing is due) or late (all that is due happens).
 *
 * The rules stand in docs/reconnect.md; protocol/vectors/reconnect.json holds this file and the Rust
 * client's machine to them, effect by effect.
 */
import { problemOfClose } from "./closes.js";
import { delayMs, POLICY, reloadDelayMs } from "./policy.js";
import { attended, be, hold, OFFLINE, told, wait } from "./state.js";
import { alive, ask, FRESH, notRenewed, probe, renew, renewLater, settle, silentAt } from "./upkeep.js";

export { POLICY };

/**
 * @typedef {import("./closes.js").Problem} Problem
 * @typedef {import("./policy.js").Policy} Policy
 * @typedef {import("./state.js").State} State
 * @typedef {import("./state.js").Machine} Machine
 * @typedef {import("./state.js").Effect} Effect
 * @typedef {import("./state.js").Run} Run
 */

/** @type {Problem} */
const RELOAD_LOOP = { cause: "reload_loop", code: 1006, retry: "wait" };

/**
 * @param {Partial<Policy>} [policy]
 * @returns {Machine}
 */
export function machine(policy = {}) {
  /** @type {any} */
  const run = {
    m: {
      policy: { ...POLICY, ...policy },
      ...FRESH,
      total: 0,
      last: null,
      probing: false,
      shortLives: 0,
      online: true,
      visible: true,
      frozen: false,
      hiddenAt: 0,
      revivedAt: -Infinity,
      since: 0,
      stable: false,
      stableAt: null,
      heartbeatMs: 25_000,
      heardAt: 0,
      answerBy: null,
      pings: 0,
      expiresAt: null,
      renewAt: null,
      renewing: null,
    },
  };
  be(run, "idle");
  return run.m;
}

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

/**
 * When to feed `wake`, on the caller's clock; null when nothing but an event moves the machine.
 * @param {Machine} m
 * @returns {number | null}
 */
export function deadline(m) {
  const { name, until } = m.state;
  if (name === "connected") {
    const times = [m.stableAt, silentAt(m), m.renewAt].filter((at) => at !== null);
    return times.length > 0 ? Math.min(.../** @type {number[]} */ (times)) : null;
  }
  if (name === "waiting") return until === null ? null : Math.max(until, m.by ?? until);
  return m.by;
}

/** @type {Record<string, (run: Run, event: any) => void>} */
const EVENTS = {
  /** The user, or the page for them, asks: a fresh budget, at once. */
  connect(run, { carried = 0 }) {
    const { m } = run;
    const { name } = m.state;
    if (name === "connecting" || name === "connected" || name === "refreshing") return;
    forget(m);
    m.last = null;
    if (name !== "idle") return attempt(run, true);
    m.total = carried;
    const slowedMs = reloadDelayMs(m.policy, carried, run.random);
    if (slowedMs === null) return attempt(run, true);
    m.last = RELOAD_LOOP;
    wait(run, RELOAD_LOOP, slowedMs);
  },

  close(run) {
    run.effects.push({ type: "shut", code: 1000, reason: "" });
    be(run, "closed");
  },

  token(run) {
    const { m } = run;
    if (m.state.name === "refreshing") {
      m.hasToken = true;
      open(run);
    } else if (m.state.name === "connected" && m.renewing === "token") {
      m.renewing = "server";
      m.renewAt = run.now + m.policy.tokenTimeoutMs;
      run.effects.push({ type: "renew" });
    }
  },

  /** `retry: "stop"`: there will be no other token (the person must sign in again). */
  tokenFailed(run, { cause = "token_unavailable", retry = "backoff", detail }) {
    const { m } = run;
    if (m.state.name === "connected" && m.renewing === "token") return notRenewed(run);
    if (m.state.name !== "refreshing") return;
    if (retry !== "stop") return lost(run, { cause, code: 1006, retry: "backoff", detail });
    disable(run, m.refused && m.last ? m.last : { cause, code: 4401, retry: "stop", detail }, false);
  },

  /** The handshake was answered 101: it got through, what is missing is the welcome. */
  opened(run) {
    if (run.m.state.name === "connecting") run.m.by = run.now + run.m.policy.connectTimeoutMs;
  },

  welcomed(run, { heartbeatMs, tokenExpiresInMs }) {
    const { m } = run;
    if (m.state.name !== "connecting") return;
    be(run, "connected");
    m.heartbeatMs = heartbeatMs ?? m.heartbeatMs;
    m.since = run.now;
    m.stable = false;
    m.stableAt = run.now + m.policy.stableMs;
    alive(run);
    renewLater(run, tokenExpiresInMs);
  },

  heard(run) {
    if (run.m.state.name !== "connected") return;
    alive(run);
    settle(run);
  },

  closed(run, { code, reason }) {
    const { name } = run.m.state;
    if (name === "connecting" || name === "connected") lost(run, problemOfClose(code, reason));
  },

  /** The same, where the caller knows more than a close frame says: mixed content, a policy of the page. */
  failed(run, { problem }) {
    const { name } = run.m.state;
    if (name === "connecting" || name === "connected") lost(run, problem);
  },

  /** The preflight's answer. A null problem means that it found nothing wrong. */
  named(run, { problem }) {
    const { m } = run;
    if (m.state.name === "disabled" && m.probing) return probed(run, problem);
    if (m.state.name !== "waiting" || m.by === null) return;
    m.by = null;
    m.named = problem;
    if (problem) {
      m.last = problem;
      if (problem.retry === "stop") return disable(run, problem, false);
      if (problem.retry === "refresh") return refresh(run, problem);
      if (problem.retryInMs !== undefined && !m.advised) return follow(run, problem);
      m.state = { ...m.state, ...told(problem) };
    }
    if (run.now >= (m.state.until ?? 0)) go(run);
  },

  wake(run) {
    for (let at = deadline(run.m); at !== null && at <= run.now; at = deadline(run.m)) DUE[run.m.state.name](run);
  },

  offline(run) {
    run.m.online = false;
    if (run.m.state.name === "waiting") hold(run, "offline");
  },

  online(run) {
    const { m } = run;
    m.online = true;
    if (m.state.name === "connected") return probe(run);
    if (m.state.name !== "waiting" || m.state.held !== "offline") return revive(run);
    // All of a building comes back in the same instant.
    const ms = Math.max(Math.round(run.random() * m.policy.firstDelayMs), m.state.notBefore - run.now);
    m.state = { ...m.state, retryInMs: ms, until: run.now + ms, held: null };
  },

  hidden(run) {
    const { m } = run;
    if (m.visible) m.hiddenAt = run.now;
    m.visible = false;
  },

  visible(run) {
    const { m } = run;
    const awayMs = m.visible ? 0 : run.now - m.hiddenAt;
    m.visible = true;
    back(run);
    if (awayMs >= m.policy.reviveMs) revive(run);
  },

  /** The browser stops the tab's clocks. It is hidden, whatever it said before. */
  frozen(run) {
    run.m.frozen = true;
  },

  /** The tab was thawed, or the machine slept. */
  resumed(run) {
    back(run);
  },

  /** The server says that the token is about to run out. */
  expiring(run, { tokenExpiresInMs }) {
    const { m } = run;
    if (m.state.name !== "connected") return;
    if (tokenExpiresInMs > 0) m.expiresAt = run.now + tokenExpiresInMs;
    if (m.renewing === null) renew(run);
  },

  renewed(run, { tokenExpiresInMs }) {
    if (run.m.state.name === "connected" && run.m.renewing) renewLater(run, tokenExpiresInMs);
  },

  renewFailed(run) {
    if (run.m.state.name === "connected" && run.m.renewing) notRenewed(run);
  },
};

/** What happens when a state's deadline has passed. Each moves the deadline on. @type {Record<string, (run: Run) => void>} */
const DUE = {
  refreshing(run) {
    lost(run, { cause: "token_unavailable", code: 1006, retry: "backoff" });
  },

  connecting(run) {
    run.effects.push({ type: "shut", code: 4408, reason: "handshake_timeout" });
    lost(run, problemOfClose(1006));
  },

  waiting(run) {
    go(run);
  },

  connected(run) {
    const { m, now } = run;
    settle(run);
    if (!ask(run)) {
      run.effects.push({ type: "shut", code: 4408, reason: "heartbeat_timeout" });
      return lost(run, problemOfClose(4408, "heartbeat_timeout"));
    }
    if (m.renewAt === null || m.renewAt > now) return;
    if (m.renewing === null) renew(run);
    else notRenewed(run);
  },

  /** Only asks while somebody could see the answer; the next turn comes either way. */
  disabled(run) {
    const { m } = run;
    m.by = run.now + m.policy.dormantProbeMs;
    if (!m.online || !attended(m)) return;
    m.probing = true;
    run.effects.push({ type: "preflight" });
  },
};

/** @param {Run} run @param {boolean} counted */
function attempt(run, counted) {
  const { m } = run;
  m.counted = counted;
  if (counted) count(run, 1);
  if (m.hasToken) return open(run);
  be(run, "refreshing", m.last, { by: run.now + m.policy.tokenTimeoutMs });
  run.effects.push({ type: "token", refused: m.refused, inBand: false });
}

/** @param {Run} run */
function open(run) {
  be(run, "connecting", run.m.last, { by: run.now + run.m.policy.connectTimeoutMs });
  run.effects.push({ type: "open" });
}

/** @param {Run} run @param {number} by */
function count(run, by) {
  const { m } = run;
  m.attempt += by;
  m.spent += by;
  m.total += by;
  run.effects.push({ type: "remember", spent: m.total });
}

/**
 * An attempt failed, or a connection ended: what now?
 * @param {Run} run
 * @param {Problem} bare
 */
function lost(run, bare) {
  const { m } = run;
  if (m.state.name === "connected") ended(run);
  if (!m.online && bare.retry !== "stop") {
    const free = m.advised && !m.counted;
    if (m.counted) count(run, -1);
    m.counted = false;
    wait(run, OFFLINE, 0, { free });
    return hold(run, "offline");
  }
  const problem = bare.cause === null && m.named ? { ...m.named, retry: bare.retry, retryInMs: undefined } : bare;
  m.last = problem;
  if (problem.retry === "stop") return disable(run, problem, false);
  if (problem.retry === "refresh") return refresh(run, problem);
  if (problem.retryInMs !== undefined && !m.advised) return follow(run, problem);
  backOff(run, problem, bare.cause === null && !m.asked);
}

/**
 * The first advice is free: the server chose the moment, so the wait is its, not ours.
 * @param {Run} run
 * @param {Problem} problem
 */
function follow(run, problem) {
  run.m.advised = true;
  wait(run, problem, Math.max(adviceMs(run.m, problem), calmingMs(run)), { free: true, firm: true });
}

/** @param {Run} run @param {Problem} problem @param {boolean} asking */
function backOff(run, problem, asking) {
  const { m } = run;
  if (m.attempt >= m.policy.attempts && !nextCycle(m)) return disable(run, problem, true);
  if (problem.retryInMs !== undefined) wait(run, problem, adviceMs(m, problem), { firm: true });
  // The server let go of a reader that was too slow: there is nothing to spare it.
  else if (problem.retry === "resume" && m.spent === 0 && m.shortLives < 2) wait(run, problem, 0);
  else wait(run, problem, ownDelayMs(run));
  if (!asking) return;
  m.asked = true;
  m.by = run.now + m.policy.preflightTimeoutMs;
  run.effects.push({ type: "preflight" });
}

/**
 * A new token at once, for a new cycle; a new token refused in the same words is a refusal for good.
 * @param {Run} run
 * @param {Problem} problem
 */
function refresh(run, problem) {
  const { m } = run;
  if (m.refused === problem.cause) return disable(run, problem, false);
  m.refused = problem.cause;
  if (!nextCycle(m)) return disable(run, problem, true);
  const ms = calmingMs(run);
  wait(run, problem, ms);
  if (ms === 0) go(run);
}

/** @param {Machine} m */
function nextCycle(m) {
  if (m.cycle >= m.policy.cycles) return false;
  m.cycle += 1;
  m.attempt = 0;
  m.hasToken = false;
  m.asked = false;
  return true;
}

/** @param {Run} run */
function go(run) {
  const { m } = run;
  if (!m.online) return hold(run, "offline");
  if (!attended(m) && !m.state.free) return hold(run, "hidden");
  attempt(run, !m.state.free);
}

/**
 * Somebody looks again, or the clocks run again.
 * @param {Run} run
 */
function back(run) {
  const { m } = run;
  m.frozen = false;
  if (m.state.name === "connected") probe(run);
  else if (m.state.held === "hidden" && attended(m)) go(run);
}

/** @param {Run} run */
function revive(run) {
  const { m } = run;
  // What a server refused for good stays refused, however often the train leaves a tunnel.
  if (m.state.name !== "disabled" || !m.state.exhausted || !m.online) return;
  if (run.now - m.revivedAt < m.policy.reviveMs) return;
  m.revivedAt = run.now;
  forget(m);
  wait(run, m.last, 0);
  go(run);
}

/**
 * The dormant client's preflight answered.
 * @param {Run} run
 * @param {Problem | null} problem
 */
function probed(run, problem) {
  const { m } = run;
  m.probing = false;
  if (problem) {
    m.last = problem;
    m.state = { ...m.state, ...told(problem) };
  } else revive(run);
}

/** @param {Run} run @param {Problem} problem @param {boolean} exhausted */
function disable(run, problem, exhausted) {
  const { dormantProbeMs } = run.m.policy;
  run.m.last = problem;
  be(run, "disabled", problem, { exhausted, by: exhausted && dormantProbeMs > 0 ? run.now + dormantProbeMs : null });
}

/** @param {Machine} m */
function forget(m) {
  Object.assign(m, FRESH);
  m.shortLives = 0;
}

/** @param {Run} run */
function ended(run) {
  const { m } = run;
  settle(run);
  if (m.stable) m.shortLives = run.now - m.since < m.policy.calmMs ? m.shortLives + 1 : 0;
}

/** @param {Machine} m @param {Problem} problem */
function adviceMs(m, { retryInMs = 0 }) {
  return Math.min(retryInMs, m.policy.maxAdviceMs);
}

/** @param {Run} run */
function ownDelayMs({ m, random }) {
  return delayMs(m.policy, Math.max(1, m.spent, m.shortLives), random);
}

/**
 * One short life is an accident, a row of them a loop: it goes slower and slower, whatever the reason given.
 * @param {Run} run
 */
function calmingMs(run) {
  return run.m.shortLives > 1 ? ownDelayMs(run) : 0;
}
