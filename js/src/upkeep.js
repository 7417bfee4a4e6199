/**
 * @file What an open connection needs: proof that it lives, ten seconds to be trusted, a token that lasts.
 *
 * Part of the machine's step: changes the machine under way and adds effects. Ends no connection itself.
 */

/**
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
  tokenUntil: 0,
  refused: null,
  advised: false,
  asked: false,
  named: null,
};

/**
 * Ten seconds up forget the counters. A clock that comes late has slept, and a socket may have died
 * meanwhile: then something heard since is the proof.
 * @param {Machine} m
 */
export function settle(m) {
  const { now } = m;
  const { stableMs, probeMs } = m.policy;
  if (m.stable || now - m.since < stableMs) return;
  m.stableAt = null;
  if (now - m.since > stableMs + probeMs && m.heardAt - m.since < stableMs) return;
  m.stable = true;
  Object.assign(m, FRESH);
  if (m.total === 0) return;
  m.total = 0;
  m.effects.push({ type: "remember", spent: 0 });
}

/** @param {Machine} m */
export function alive(m) {
  m.heardAt = m.now;
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
 * @param {Machine} m
 * @returns {boolean} Whether the connection is to be taken for alive.
 */
export function ask(m) {
  const { now } = m;
  const silent = silentAt(m);
  if (silent === null || silent > now) return true;
  const late = now - silent > m.policy.probeMs;
  if (m.pings > (late ? 1 : 0)) return false;
  ping(m, late ? m.policy.probeMs : m.policy.graceMs);
  return true;
}

/**
 * An open socket proves nothing after a sleep: ask.
 * @param {Machine} m
 */
export function probe(m) {
  const { now } = m;
  if (m.heartbeatMs === 0 || now - m.heardAt <= m.policy.probeMs) return;
  if (m.answerBy === null || m.answerBy <= now) ping(m, m.policy.probeMs);
  else m.answerBy = Math.min(m.answerBy, now + m.policy.probeMs);
}

/** @param {Machine} m @param {number} answerMs */
function ping(m, answerMs) {
  m.answerBy = m.now + answerMs;
  m.pings += 1;
  m.effects.push({ type: "ping" });
}

/**
 * A new token for the same person, over the open connection. If it fails, the server closes and says so.
 * @param {Machine} m
 */
export function renew(m) {
  m.nearAt = 0;
  m.renewing = "token";
  m.renewAt = m.now + m.policy.tokenTimeoutMs;
  m.effects.push({ type: "token", refused: null, inBand: true });
}

/** @param {Machine} m @param {number} [expiresInMs] */
export function renewLater(m, expiresInMs = 0) {
  const { now } = m;
  const known = expiresInMs > 0;
  m.renewing = null;
  m.expiresAt = known ? now + expiresInMs : null;
  m.renewAt = known ? now + Math.max(expiresInMs - m.policy.renewBeforeMs, Math.floor(expiresInMs / 2)) : null;
  m.nearAt = m.renewAt ?? 0;
}

/**
 * Once more at half of what is left, as long as that is worth it.
 * @param {Machine} m
 */
export function notRenewed(m) {
  const { now } = m;
  m.renewing = null;
  const leftMs = (m.expiresAt ?? now) - now;
  m.renewAt = leftMs > RENEW_UNTIL_MS ? now + Math.floor(leftMs / 2) : null;
}
