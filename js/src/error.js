/** @file What a rejected promise of the client says. */

/** A request that the server refused, or that no connection could carry. */
export class CharlaError extends Error {
  name = "CharlaError";

  /**
   * @param {string} cause Id in the table of causes.
   * @param {import("./closes.js").Retry} [retry]
   * @param {{detail?: string, retryInMs?: number}} [more]
   */
  constructor(cause, retry = "stop", { detail, retryInMs } = {}) {
    super(detail ? `${cause}: ${detail}` : cause);
    /** @type {string} */
    this.cause = cause;
    this.retry = retry;
    this.detail = detail;
    this.retryInMs = retryInMs;
  }
}
