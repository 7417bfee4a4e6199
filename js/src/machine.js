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
import { delayMs, POLICY, reloadDelayMs, settings } from "./policy.js";
import { attended, be, hold, OFFLINE, told, wait } from "./state.js";
import { alive, ask, FRESH, notRenewed, probe, renew, renewLater, settle, silentAt } from "./upkeep.js";

export { POLICY };

/**
 * @typedef {import("./closes.js").Problem} Problem
 * @typedef {import("./policy.js").Policy} Policy
 * @typedef {import("./state.js").State} State
 * @typedef {import("./state.js").Machine} Machine
 * @typedef {import("./state.js").Effect} Effect
 */

/** @type {Problem} */
const RELOAD_LOOP = { cause: "reload_loop", code: 1006, retry: "wait" };

/**
 * @param {Partial<Policy>} [policy]
 * @returns {Machine}
 */
export function machine(policy) {
  const m = /** @type {Machine} */ ({
    ...FRESH,
    policy: settings(POLICY, policy),
    total: 0,
    last: null,
    shortLives: 0,
    online: true,
    visible: true,
    revivedAt: -Infinity,
    heartbeatMs: 25_000,
  });
  be(m, "idle");
  return m;
}

/**
 * @param {Machine} before
 * @param {{type: string, [field: string]: any}} event
 * @param {{now: number, random: () => number}} world
 * @returns {{machine: Machine, effects: Effect[]}}
 */
export function step(before, event, world) {
  /** @type {Machine} */
  const m = { ...before, ...world, effects: [] };
  EVENTS[event.type](m, event);
  return { machine: m, effects: m.effects };
}

/**
 * When to feed `wake`, on the caller's clock; null when nothing but an event moves the machine.
 * @param {Machine} m
 * @returns {number | null}
 */
export function deadline(m) {
  const { name, until } = m.state;
  if (name === "connected") {
    const next = Math.min(m.stableAt ?? Infinity, silentAt(m) ?? Infinity, m.renewAt ?? Infinity);
    return next < Infinity ? next : null;
  }
  if (name === "waiting") return until === null ? null : Math.max(until, m.by ?? until);
  return m.by;
}

/** @type {Record<string, (m: Machine, event: any) => void>} */
const EVENTS = {
  /** The user, or the page for them, asks: a fresh budget, at once. */
  connect(m, { carried = 0 }) {
    const { name } = m.state;
    if (name === "connecting" || name === "connected" || name === "refreshing") return;
    forget(m);
    m.last = null;
    if (name !== "idle") return attempt(m, true);
    m.total = carried;
    const slowedMs = reloadDelayMs(m.policy, carried, m.random);
    if (slowedMs === null) return attempt(m, true);
    m.last = RELOAD_LOOP;
    wait(m, RELOAD_LOOP, slowedMs);
  },

  close(m) {
    m.effects.push({ type: "shut", code: 1000, reason: "" });
    be(m, "closed");
  },

  token(m) {
    if (m.state.name === "refreshing") {
      m.tokenUntil = Infinity;
      open(m);
    } else if (m.state.name === "connected" && m.renewing === "token") {
      m.renewing = "server";
      m.renewAt = m.now + m.policy.tokenTimeoutMs;
      m.effects.push({ type: "renew" });
    }
  },

  /** `retry: "stop"`: there will be no other token (the person must sign in again). */
  tokenFailed(m, { cause = "token_unavailable", retry = "backoff", detail }) {
    if (m.state.name === "connected" && m.renewing === "token") return notRenewed(m);
    if (m.state.name !== "refreshing") return;
    if (retry !== "stop") return lost(m, { cause, code: 1006, retry: "backoff", detail });
    disable(m, m.refused && m.last ? m.last : { cause, code: 4401, retry: "stop", detail }, false);
  },

  /** The handshake was answered 101: it got through, what is missing is the welcome. */
  opened(m) {
    if (m.state.name === "connecting") m.by = m.now + m.policy.connectTimeoutMs;
  },

  welcomed(m, { heartbeatMs, tokenExpiresInMs }) {
    if (m.state.name !== "connecting") return;
    be(m, "connected");
    m.heartbeatMs = heartbeatMs ?? m.heartbeatMs;
    m.since = m.now;
    m.stable = false;
    m.stableAt = m.now + m.policy.stableMs;
    alive(m);
    renewLater(m, tokenExpiresInMs);
  },

  heard(m) {
    if (m.state.name !== "connected") return;
    alive(m);
    settle(m);
  },

  closed(m, { code, reason }) {
    EVENTS.failed(m, { problem: problemOfClose(code, reason) });
  },

  /** The same, where the caller knows more than a close frame says: mixed content, a policy of the page. */
  failed(m, { problem }) {
    const { name } = m.state;
    if (name === "connecting" || name === "connected") lost(m, problem);
  },

  /** The preflight's answer. A null problem means that it found nothing wrong. */
  named(m, { problem }) {
    if (m.state.name === "disabled" && m.probing) return probed(m, problem);
    if (m.state.name !== "waiting" || m.by === null) return;
    m.by = null;
    m.named = problem;
    if (problem) {
      if (obeyed(m, problem)) return;
      m.state = { ...m.state, ...told(problem) };
    }
    if (m.now >= (m.state.until ?? 0)) go(m);
  },

  wake(m) {
    for (let at = deadline(m); at !== null && at <= m.now; at = deadline(m)) DUE[m.state.name](m);
  },

  offline(m) {
    m.online = false;
    if (m.state.name === "waiting") hold(m, "offline");
  },

  online(m) {
    m.online = true;
    if (m.state.name === "connected") return probe(m);
    if (m.state.name !== "waiting" || m.state.held !== "offline") return revive(m);
    // All of a building comes back in the same instant.
    const ms = Math.max(Math.round(m.random() * m.policy.firstDelayMs), m.state.notBefore - m.now);
    m.state = { ...m.state, retryInMs: ms, until: m.now + ms, held: null };
  },

  hidden(m) {
    if (m.visible) m.hiddenAt = m.now;
    m.visible = false;
  },

  visible(m) {
    const awayMs = m.visible ? 0 : m.now - m.hiddenAt;
    m.visible = true;
    back(m);
    if (awayMs >= m.policy.reviveMs) revive(m);
  },

  /** The browser stops the tab's clocks. It is hidden, whatever it said before. */
  frozen(m) {
    m.frozen = true;
  },

  /** The tab was thawed, or the machine slept. */
  resumed: back,

  /** The server says that the token is about to run out. */
  expiring(m, { tokenExpiresInMs }) {
    if (m.state.name !== "connected") return;
    if (tokenExpiresInMs > 0) m.expiresAt = m.now + tokenExpiresInMs;
    if (m.renewing === null) renew(m);
  },

  renewed(m, { tokenExpiresInMs }) {
    if (m.state.name === "connected" && m.renewing) renewLater(m, tokenExpiresInMs);
  },

  renewFailed(m) {
    if (m.state.name === "connected" && m.renewing) notRenewed(m);
  },
};

/** What happens when a state's deadline has passed. Each moves the deadline on. @type {Record<string, (m: Machine) => void>} */
const DUE = {
  refreshing(m) {
    lost(m, { cause: "token_unavailable", code: 1006, retry: "backoff" });
  },

  connecting(m) {
    cut(m, "handshake_timeout", 1006);
  },

  waiting: go,

  connected(m) {
    settle(m);
    if (!ask(m)) return cut(m, "heartbeat_timeout", 4408);
    if (m.renewAt === null || m.renewAt > m.now) return;
    if (m.renewing === null) renew(m);
    else notRenewed(m);
  },

  /** Only asks while somebody could see the answer; the next turn comes either way. */
  disabled(m) {
    m.by = m.now + m.policy.dormantProbeMs;
    if (!m.online || !attended(m)) return;
    m.probing = true;
    m.effects.push({ type: "preflight" });
  },
};

/**
 * Nothing came in time.
 * @param {Machine} m
 * @param {string} reason
 * @param {number} code What it is taken for.
 */
function cut(m, reason, code) {
  m.effects.push({ type: "shut", code: 4408, reason });
  lost(m, problemOfClose(code));
}

/** @param {Machine} m @param {boolean} counted */
function attempt(m, counted) {
  m.counted = counted;
  if (counted) count(m, 1);
  if (m.now < m.tokenUntil) return open(m);
  be(m, "refreshing", m.last, { by: m.now + m.policy.tokenTimeoutMs });
  m.effects.push({ type: "token", refused: m.refused, inBand: false });
}

/** @param {Machine} m */
function open(m) {
  be(m, "connecting", m.last, { by: m.now + m.policy.connectTimeoutMs });
  m.effects.push({ type: "open" });
}

/** @param {Machine} m @param {number} by */
function count(m, by) {
  m.attempt += by;
  m.spent += by;
  m.total += by;
  m.effects.push({ type: "remember", spent: m.total });
}

/**
 * An attempt failed, or a connection ended: what now?
 * @param {Machine} m
 * @param {Problem} bare
 */
function lost(m, bare) {
  if (m.state.name === "connected") ended(m);
  if (!m.online && bare.retry !== "stop") {
    const free = m.advised && !m.counted;
    if (m.counted) count(m, -1);
    m.counted = false;
    wait(m, OFFLINE, 0, { free });
    return hold(m, "offline");
  }
  const problem = bare.cause === null && m.named ? { ...m.named, retry: bare.retry, retryInMs: undefined } : bare;
  if (!obeyed(m, problem)) backOff(m, problem, bare.cause === null && !m.asked);
}

/**
 * What the other side's word alone decides: a stop, a new token, its first advice.
 * @param {Machine} m
 * @param {Problem} problem
 * @returns {boolean} False: how long to wait is up to us.
 */
function obeyed(m, problem) {
  const { retry, retryInMs } = problem;
  m.last = problem;
  if (retry === "stop") disable(m, problem, false);
  else if (retry === "refresh") refresh(m, problem);
  else if (retryInMs !== undefined && !m.advised) {
    // The first advice is free: the server chose the moment, so the wait is its, not ours.
    m.advised = true;
    wait(m, problem, Math.max(adviceMs(m, retryInMs), calmingMs(m)), { free: true, firm: true });
  } else return false;
  return true;
}

/** @param {Machine} m @param {Problem} problem @param {boolean} asking */
function backOff(m, problem, asking) {
  if (m.attempt >= m.policy.attempts && !nextCycle(m)) return disable(m, problem, true);
  if (problem.retryInMs !== undefined) wait(m, problem, adviceMs(m, problem.retryInMs), { firm: true });
  // The server let go of a reader that was too slow: there is nothing to spare it.
  else if (problem.retry === "resume" && m.spent === 0 && m.shortLives < 2) wait(m, problem, 0);
  else wait(m, problem, ownDelayMs(m));
  if (!asking) return;
  m.asked = true;
  m.by = m.now + m.policy.preflightTimeoutMs;
  m.effects.push({ type: "preflight" });
}

/**
 * A new token at once, for a new cycle; a new token refused in the same words is a refusal for good.
 * @param {Machine} m
 * @param {Problem} problem
 */
function refresh(m, problem) {
  if (m.refused === problem.cause) return disable(m, problem, false);
  m.refused = problem.cause;
  if (!nextCycle(m)) return disable(m, problem, true);
  const ms = calmingMs(m);
  wait(m, problem, ms);
  if (ms === 0) go(m);
}

/** @param {Machine} m */
function nextCycle(m) {
  if (m.cycle >= m.policy.cycles) return false;
  m.cycle += 1;
  m.attempt = 0;
  m.tokenUntil = 0;
  m.asked = false;
  return true;
}

/** @param {Machine} m */
function go(m) {
  if (!m.online) return hold(m, "offline");
  if (!attended(m) && !m.state.free) return hold(m, "hidden");
  attempt(m, !m.state.free);
}

/**
 * Somebody looks again, or the clocks run again.
 * @param {Machine} m
 */
function back(m) {
  m.frozen = false;
  if (m.state.name === "connected") probe(m);
  else if (m.state.held === "hidden" && attended(m)) go(m);
}

/** @param {Machine} m */
function revive(m) {
  // What a server refused for good stays refused, however often the train leaves a tunnel.
  if (m.state.name !== "disabled" || !m.state.exhausted || !m.online) return;
  if (m.now - m.revivedAt < m.policy.reviveMs) return;
  m.revivedAt = m.now;
  forget(m);
  wait(m, m.last, 0);
  go(m);
}

/**
 * The dormant client's preflight answered.
 * @param {Machine} m
 * @param {Problem | null} problem
 */
function probed(m, problem) {
  m.probing = false;
  if (problem) {
    m.last = problem;
    m.state = { ...m.state, ...told(problem) };
  } else revive(m);
}

/** @param {Machine} m @param {Problem} problem @param {boolean} exhausted */
function disable(m, problem, exhausted) {
  const { dormantProbeMs } = m.policy;
  m.last = problem;
  be(m, "disabled", problem, { exhausted, by: exhausted && dormantProbeMs > 0 ? m.now + dormantProbeMs : null });
}

/** @param {Machine} m */
function forget(m) {
  Object.assign(m, FRESH);
  m.shortLives = 0;
}

/** @param {Machine} m */
function ended(m) {
  settle(m);
  if (!m.stable) return;
  m.shortLives = m.now - m.since < m.policy.calmMs ? m.shortLives + 1 : 0;
  // What took the connection away left the token good: 100,000 clients of a crashed server need not all ask for one.
  m.tokenUntil = m.nearAt;
}

/** @param {Machine} m @param {number} retryInMs */
function adviceMs(m, retryInMs) {
  return Math.min(retryInMs, m.policy.maxAdviceMs);
}

/** @param {Machine} m */
function ownDelayMs(m) {
  return delayMs(m.policy, Math.max(1, m.spent, m.shortLives), m.random);
}

/**
 * One short life is an accident, a row of them a loop: it goes slower and slower, whatever the reason given.
 * @param {Machine} m
 */
function calmingMs(m) {
  return m.shortLives > 1 ? ownDelayMs(m) : 0;
}
