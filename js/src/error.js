/** @file What a rejected promise of the client says. */
import { retryOf } from "./closes.js";

/** A request that the server refused, or that no connection could carry. */
export class CharlaError extends Error {
  /** @param {{cause: string, detail?: string, retry?: import("./closes.js").Retry, retryInMs?: number}} problem */
  constructor({ cause, detail, retry, retryInMs }) {
    super(detail ? `${cause}: ${detail}` : cause);
    this.name = "CharlaError";
    this.cause = cause;
    this.detail = detail;
    this.retry = retry ?? retryOf(cause);
    this.retryInMs = retryInMs;
  }
}
