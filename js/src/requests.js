/** @file Requests that wait for the answer with their number, on one connection. */
import { CharlaError } from "./error.js";

/** A request without an answer by then has lost its connection, whatever the socket says. */
const ANSWER_WITHIN_MS = 15_000;

export class Requests {
  #last = 0;
  /** @type {Map<number, {resolve: (frame: any) => void, reject: (error: Error) => void, timer: any}>} */
  #open = new Map();

  /**
   * @param {any} frame
   * @param {(frame: any) => void} transmit Gets the frame with its number.
   * @returns {Promise<any>} The answer.
   */
  ask(frame, transmit) {
    this.#last += 1;
    const ref = this.#last;
    return new Promise((resolve, reject) => {
      const late = () => this.settle({ ref }, lost("no answer"));
      this.#open.set(ref, { resolve, reject, timer: setTimeout(late, ANSWER_WITHIN_MS) });
      transmit({ ...frame, ref });
    });
  }

  /**
   * @param {{ref?: number}} frame
   * @param {Error} [error]
   * @returns {boolean} False when nobody waits for that number.
   */
  settle(frame, error) {
    const request = this.#open.get(frame.ref);
    if (!request) return false;
    this.#open.delete(frame.ref);
    clearTimeout(request.timer);
    if (error) request.reject(error);
    else request.resolve(frame);
    return true;
  }

  /** The connection is gone, and with it every answer. */
  drop() {
    for (const ref of [...this.#open.keys()]) this.settle({ ref }, lost());
  }
}

/** @param {string} [detail] */
export function lost(detail) {
  return new CharlaError({ cause: "connection_lost", detail, retry: "backoff" });
}
