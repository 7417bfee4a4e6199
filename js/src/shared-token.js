/**
 * @file One token request for all tabs: when ten tabs need a new token at once, the server is asked once.
 *
 * A Web Lock lets one tab ask; it hands what it got to those in line over a BroadcastChannel. A token is never
 * stored, and one from before a tab began to ask never counts: it may be the very one that was refused.
 */
import { CharlaError } from "./error.js";

/** A tab whose turn has come gives the word of the tab before it this long to arrive. */
const HAND_OVER_MS = 300;

/**
 * @typedef {import("./link.js").TokenSource} TokenSource
 * @typedef {import("./link.js").Why} Why
 * @typedef {{cause: string, retry: import("./closes.js").Retry, detail?: string}} Problem
 * @typedef {{token: string} | {problem: Problem}} Outcome
 */

/**
 * @param {TokenSource} fetchToken
 * @param {{name: string, locks?: LockManager, BroadcastChannel?: typeof BroadcastChannel}} options
 *   `name` tells people and tenants apart: tabs of one name get each other's tokens.
 * @returns {(why: Why) => Promise<string>}
 */
export function sharedToken(fetchToken, { name, locks = globalThis.navigator?.locks, BroadcastChannel: Channel = globalThis.BroadcastChannel }) {
  if (!name) throw new TypeError("a shared token needs the name of the person whose it is");
  const lock = `charla-token:${name}`;
  /** @type {Promise<string> | null} */
  let underWay = null;
  /** @param {Why} why */
  const ask = async (why) => {
    if (!locks || !Channel) return fetchToken(why);
    const line = new Line(new Channel(lock));
    try {
      return tokenOf(await line.turn(lock, locks, () => outcomeOf(fetchToken, why)));
    } finally {
      line.leave();
    }
  };
  return (why) => {
    underWay ??= ask(why).finally(() => (underWay = null));
    return underWay;
  };
}

/** One tab's place in line. */
class Line {
  #channel;
  /** What a tab before us got. @type {Promise<Outcome>} */
  #heard;

  /** @param {BroadcastChannel} channel */
  constructor(channel) {
    this.#channel = channel;
    this.#heard = new Promise((resolve) => (channel.onmessage = ({ data }) => resolve(data)));
  }

  /**
   * @param {string} lock
   * @param {LockManager} locks
   * @param {() => Promise<Outcome>} act
   * @returns {Promise<Outcome>}
   */
  async turn(lock, locks, act) {
    // Told before the lock is free: whoever gets it next need not ask again.
    const tell = async () => {
      const outcome = await act();
      this.#channel.postMessage(outcome);
      return outcome;
    };
    const first = await locks.request(lock, { ifAvailable: true }, (free) => (free ? tell() : null));
    if (first) return first;
    const wait = new AbortController();
    const own = locks.request(lock, { signal: wait.signal }, async () => (await this.#soon()) ?? tell());
    const outcome = await Promise.race([this.#heard, own]);
    wait.abort();
    own.catch(() => {});
    return outcome;
  }

  /** @returns {Promise<Outcome | null>} */
  #soon() {
    return Promise.race([this.#heard, new Promise((/** @type {(nothing: null) => void} */ resolve) => setTimeout(() => resolve(null), HAND_OVER_MS))]);
  }

  leave() {
    this.#channel.close();
  }
}

/** @param {TokenSource} fetchToken @param {Why} why @returns {Promise<Outcome>} */
async function outcomeOf(fetchToken, why) {
  try {
    return { token: await fetchToken(why) };
  } catch (/** @type {any} */ { cause, retry = "backoff", message }) {
    return { problem: { cause: typeof cause === "string" ? cause : "token_unavailable", retry, detail: message } };
  }
}

/** @param {Outcome} outcome */
function tokenOf(outcome) {
  if ("token" in outcome) return outcome.token;
  const { cause, retry, detail } = outcome.problem;
  throw new CharlaError(cause, retry, { detail });
}
