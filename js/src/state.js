/**
 * @file The machine's states, as they are told to people.
 *
 * Part of the machine's step: changes the machine under way, decides nothing.
 */

/**
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

export function be(run, name, problem = null, { by = null, ...more } = {}) {
  const { m } = run;
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

export function wait(run, problem, delay, { free = false, firm = false } = {}) {
  const { m, now } = run;
  const ms = Math.round(delay);
  const attempt = m.attempt + (free ? 0 : 1);
  be(run, "waiting", problem, { attempt, retryInMs: ms, until: now + ms, notBefore: firm ? now + ms : 0, free });
}

export function hold(run, held) {
  const { m } = run;
  if (held === "offline") m.last = OFFLINE;
  m.by = null;
  m.state = { ...m.state, ...(held === "offline" && told(OFFLINE)), retryInMs: null, until: null, held };
}

/** Whether somebody may be looking. */
export function attended(m) {
  return m.visible && !m.frozen;
}

export function told(problem) {
  return { cause: problem?.cause ?? null, code: problem?.code ?? null, detail: problem?.detail };
}
