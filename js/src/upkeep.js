/**
 * @file What an open connection needs: proof that it lives, ten seconds to be trusted, a token that lasts.
 *
 * Part of the machine's step: changes the machine under way and adds effects. Ends no connection itself.
 */

/**
 * @typedef {import("./state.js").Run} Run
 * @typedef {import("./state.js").Machine} Machine
 */

/** A token that runs out sooner than this is not asked for once more over the open connection. */
const RENEW_UNTIL_MS = 10_000;

/** Counters of a client that owes nobody anything. */
export const FRESH = {
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
 * Ten seconds up forget the counters. A clock that comes late has slept, and a socket may have died
 * meanwhile: then something heard since is the proof.
 * @param {Run} run
 */
export function settle(run) {
  const { m, now } = run;
  const { stableMs, probeMs } = m.policy;
  if (m.stable || now - m.since < stableMs) return;
  m.stableAt = null;
  if (now - m.since > stableMs + probeMs && m.heardAt - m.since < stableMs) return;
  m.stable = true;
  Object.assign(m, FRESH);
  if (m.total === 0) return;
  m.total = 0;
  run.effects.push({ type: "remember", spent: 0 });
}

/** @param {Run} run */
export function alive(run) {
  const { m } = run;
  m.heardAt = run.now;
  m.answerBy = null;
  m.pings = 0;
}

/**
 * When the silence is to be asked about, or has lasted too long.
 * @param {Machine} m
 */
export function silentAt(m) {
  return m.answerBy ?? (m.heartbeatMs > 0 ? m.heardAt + m.heartbeatMs : null);
}

/**
 * Silence: a ping, and after the ping the end. A clock that comes late has slept: then it is asked once more.
 * @param {Run} run
 * @returns {boolean} Whether the connection is to be taken for alive.
 */
export function ask(run) {
  const { m, now } = run;
  const silent = silentAt(m);
  if (silent === null || silent > now) return true;
  const late = now - silent > m.policy.probeMs;
  if (m.pings > (late ? 1 : 0)) return false;
  ping(run, late ? m.policy.probeMs : m.policy.graceMs);
  return true;
}

/**
 * An open socket proves nothing after a sleep: ask.
 * @param {Run} run
 */
export function probe(run) {
  const { m, now } = run;
  if (m.heartbeatMs === 0 || now - m.heardAt <= m.policy.probeMs) return;
  if (m.answerBy === null || m.answerBy <= now) ping(run, m.policy.probeMs);
  else m.answerBy = Math.min(m.answerBy, now + m.policy.probeMs);
}

/** @param {Run} run @param {number} answerMs */
function ping(run, answerMs) {
  run.m.answerBy = run.now + answerMs;
  run.m.pings += 1;
  run.effects.push({ type: "ping" });
}

/**
 * A new token for the same person, over the open connection. If it fails, the server closes and says so.
 * @param {Run} run
 */
export function renew(run) {
  run.m.renewing = "token";
  run.m.renewAt = run.now + run.m.policy.tokenTimeoutMs;
  run.effects.push({ type: "token", refused: null, inBand: true });
}

/** @param {Run} run @param {number} [expiresInMs] */
export function renewLater(run, expiresInMs = 0) {
  const { m, now } = run;
  const known = expiresInMs > 0;
  m.renewing = null;
  m.expiresAt = known ? now + expiresInMs : null;
  m.renewAt = known ? now + Math.max(expiresInMs - m.policy.renewBeforeMs, Math.floor(expiresInMs / 2)) : null;
}

/**
 * Once more at half of what is left, as long as that is worth it.
 * @param {Run} run
 */
export function notRenewed(run) {
  const { m, now } = run;
  m.renewing = null;
  const leftMs = (m.expiresAt ?? now) - now;
  m.renewAt = leftMs > RENEW_UNTIL_MS ? now + Math.floor(leftMs / 2) : null;
}
