/**
 * @file The machine's states, as they are told to people.
 *
 * Part of the machine's step: changes the machine under way, decides nothing.
 */

/**
 * @typedef {import("./closes.js").Problem} Problem
 * @typedef {import("./policy.js").Policy} Policy
 *
 * @typedef {{type: "token", refused: string | null, inBand: boolean}
 *   | {type: "open"}
 *   | {type: "shut", code: number, reason: string}
 *   | {type: "ping"}
 *   | {type: "preflight"}
 *   | {type: "renew"}
 *   | {type: "remember", spent: number}} Effect `renew`: send the fresh token over the open connection.
 *   `remember`: keep this number for the next load of this very tab, which hands it to `connect` as `carried`.
 *
 * @typedef {object} Machine
 * @property {Policy} policy
 * @property {State} state
 * @property {number} attempt Attempts spent in this cycle.
 * @property {number} cycle
 * @property {number} spent Attempts spent since the counters were last forgotten.
 * @property {number} total Attempts of this tab since its last stable connection, whoever asked for them.
 * @property {boolean} counted Whether the attempt under way was counted.
 * @property {number} tokenUntil Until when this cycle may use the token that the caller holds; 0: it must get one first.
 * @property {string | null} refused The refusal for which the present token was fetched.
 * @property {boolean} advised The server's advice was followed once already, uncounted.
 * @property {boolean} asked The preflight of this cycle was spent.
 * @property {Problem | null} named What it answered: said of later failures that name nothing themselves.
 * @property {Problem | null} last
 * @property {number | null} by When the token, the handshake, the preflight's answer or the dormant client's turn is due.
 * @property {boolean} probing A dormant client's preflight is out.
 * @property {number} shortLives Stable connections in a row that lived shorter than `calmMs`.
 * @property {boolean} online
 * @property {boolean} visible
 * @property {boolean} frozen
 * @property {number} hiddenAt
 * @property {number} revivedAt
 * @property {number} since When the connection was welcomed.
 * @property {boolean} stable
 * @property {number | null} stableAt
 * @property {number} heartbeatMs 0: the peer knows no ping, silence means nothing.
 * @property {number} heardAt
 * @property {number | null} answerBy When the ping that is out must have been answered.
 * @property {number} pings Pings since something was heard.
 * @property {number | null} expiresAt When the token of this connection runs out.
 * @property {number | null} renewAt When it is to be replaced, or its replacement to have arrived.
 * @property {number} nearAt From when on it is too near its end for another connection; 0: it is, or nobody knows.
 * @property {"token" | "server" | null} renewing Who is asked at the moment.
 * @property {number} now Of the latest step, as is what follows.
 * @property {() => number} random
 * @property {Effect[]} effects
 *
 * @typedef {object} State What a person may be told. Replaced whenever any of it changes, never changed in place.
 * @property {"idle" | "refreshing" | "connecting" | "connected" | "waiting" | "disabled" | "closed"} name
 * @property {string | null} cause Why there is no connection; null while nobody knows, or there is one.
 * @property {number | null} code
 * @property {string} [detail]
 * @property {boolean} willRetry
 * @property {number | null} retryInMs The wait as it was decided; null while held or not waiting.
 * @property {number} attempt While waiting: the attempt that comes next. 0: an attempt that is not counted.
 * @property {number} of
 * @property {number} cycle
 * @property {"offline" | "hidden" | null} held No timer runs until the network or the reader is back.
 * @property {boolean} exhausted Disabled because the budget is spent, not because the server said no.
 * @property {number} spent Attempts since the counters were last forgotten.
 * @property {number | null} until Time of the next attempt, on the caller's clock.
 * @property {number} notBefore Time before which the server does not want to see us.
 * @property {boolean} free The next attempt is not counted.
 */

/** @type {import("./closes.js").Problem} */
export const OFFLINE = { cause: "offline", code: 1006, retry: "wait" };

const RETRYING = new Set(["refreshing", "connecting", "waiting"]);

/** @param {Machine} m @param {State["name"]} name @param {Problem | null} [problem] @param {Partial<State> & {by?: number | null}} [more] */
export function be(m, name, problem = null, { by = null, ...more } = {}) {
  m.by = by;
  m.probing = false;
  m.state = {
    name,
    ...told(problem),
    willRetry: RETRYING.has(name),
    retryInMs: null,
    attempt: m.attempt,
    of: m.policy.attempts,
    cycle: m.cycle,
    held: null,
    exhausted: false,
    spent: m.spent,
    until: null,
    notBefore: 0,
    free: false,
    ...more,
  };
}

/** @param {Machine} m @param {Problem | null} problem @param {number} delay @param {{free?: boolean, firm?: boolean}} [more] */
export function wait(m, problem, delay, { free = false, firm = false } = {}) {
  const retryInMs = Math.round(delay);
  const until = m.now + retryInMs;
  be(m, "waiting", problem, { attempt: m.attempt + (free ? 0 : 1), retryInMs, until, notBefore: firm ? until : 0, free });
}

/** @param {Machine} m @param {"offline" | "hidden"} held */
export function hold(m, held) {
  if (held === "offline") m.last = OFFLINE;
  m.by = null;
  m.state = { ...m.state, ...(held === "offline" && told(OFFLINE)), retryInMs: null, until: null, held };
}

/**
 * Whether somebody may be looking.
 * @param {Machine} m
 */
export function attended(m) {
  return m.visible && !m.frozen;
}

/** @param {Problem | null} problem */
export function told(problem) {
  return { cause: problem?.cause ?? null, code: problem?.code ?? null, detail: problem?.detail };
}
