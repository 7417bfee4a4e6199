/**
 * @file The numbers behind a reconnect, and the waits that follow from them.
 *
 * Every one can be set by the page. What they mean together stands in docs/reconnect.md.
 */

/**
 * @typedef {object} Policy
 * @property {number} attempts Attempts in a cycle.
 * @property {number} cycles Cycles, each with a new token.
 * @property {number} firstDelayMs Bound of the first wait; doubles with each attempt.
 * @property {number} maxDelayMs Bound that no wait of our own choosing exceeds.
 * @property {number} stableMs How long a connection must stay up before the counters are forgotten.
 * @property {number} calmMs Connections that were stable but lived shorter than this, one after another, wait ever longer.
 * @property {number} tokenTimeoutMs How long the page may take to bring a token.
 * @property {number} connectTimeoutMs From opening the socket to its 101, and from there to the welcome.
 * @property {number} preflightTimeoutMs How long the next attempt waits for the preflight's answer.
 * @property {number} graceMs How long a ping may stay unanswered.
 * @property {number} probeMs The same after sleep, where an answer is either quick or never comes.
 * @property {number} maxAdviceMs Longest wait accepted from a server.
 * @property {number} reviveMs `online` or a returning reader revives a disabled client at most this often.
 * @property {number} renewBeforeMs A token is replaced this long before it runs out, or at half its life if that is later.
 * @property {number} dormantProbeMs How often a client that gave up asks the preflight whether to try again; 0: never.
 */

/** @type {Policy} */
export const POLICY = Object.freeze({
  attempts: 5,
  cycles: 3,
  firstDelayMs: 1_000,
  maxDelayMs: 60_000,
  stableMs: 10_000,
  calmMs: 60_000,
  tokenTimeoutMs: 30_000,
  connectTimeoutMs: 15_000,
  preflightTimeoutMs: 10_000,
  graceMs: 10_000,
  probeMs: 4_000,
  maxAdviceMs: 300_000,
  reviveMs: 60_000,
  renewBeforeMs: 60_000,
  dormantProbeMs: 0,
});

/**
 * What was set, and the default for all else: a bound set to undefined must not be a bound less.
 * @template {object} Settings
 * @param {Settings} defaults
 * @param {Partial<Settings>} [given]
 * @returns {Settings}
 */
export function settings(defaults, given) {
  const set = Object.entries(given ?? {}).filter(([, value]) => value != null);
  return { ...defaults, ...Object.fromEntries(set) };
}

/**
 * Full jitter in the first cycle, where most outages end; from then on the upper half, so that the
 * 15 attempts span more than six minutes on average and an ordinary deploy strands nobody.
 * @param {Policy} policy
 * @param {number} nth 1 for the wait after the first failure.
 * @param {() => number} random
 */
export function delayMs(policy, nth, random) {
  const bound = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (nth - 1));
  return nth <= policy.attempts ? bound * random() : upperHalf(bound, random);
}

/**
 * The wait of a page whose earlier loads spent their attempts already: a page that reloads itself on
 * failure would otherwise start afresh for ever.
 * @param {Policy} policy
 * @param {number} carried Attempts of those loads; 0 for the wait of none.
 * @param {() => number} random
 */
export function reloadDelayMs(policy, carried, random) {
  const beyond = carried - policy.attempts * policy.cycles;
  return beyond < 0 ? null : upperHalf(Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (beyond + 1)), random);
}

/** @param {number} bound @param {() => number} random */
const upperHalf = (bound, random) => bound * (0.5 + 0.5 * random());
