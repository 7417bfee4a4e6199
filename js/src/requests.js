/** @file Requests that wait for the answer with their number, on one connection. */
import { CharlaError } from "./error.js";

/** A request without an answer by then has lost its connection, whatever the socket says. */
const ANSWER_WITHIN_MS = 15_000;

export class Requests {
  #last = 0;
  /** @type {Map<number, {resolve: (frame: any) => void, reject: (error: Error) => void, timer: ReturnType<typeof setTimeout>}>} */
  #open = new Map();

  /**
   * @param {any} frame
   * @param {(frame: any) => void} transmit Gets the frame with its number.
   * @returns {Promise<any>} The answer.
   */
  ask(frame, transmit) {
    const ref = ++this.#last;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.settle(ref, null, lost("no answer")), ANSWER_WITHIN_MS);
      this.#open.set(ref, { resolve, reject, timer });
      transmit({ ...frame, ref });
    });
  }

  /**
   * @param {number} ref
   * @param {any} answer
   * @param {Error} [error] In its place.
   * @returns {boolean} False when nobody waits for that number.
   */
  settle(ref, answer, error) {
    const request = this.#open.get(ref);
    if (!request) return false;
    this.#open.delete(ref);
    clearTimeout(request.timer);
    if (error) request.reject(error);
    else request.resolve(answer);
    return true;
  }

  /** The connection is gone, and with it every answer. */
  drop() {
    for (const ref of this.#open.keys()) this.settle(ref, null, lost());
  }
}

/** @param {string} [detail] */
export function lost(detail) {
  return new CharlaError("connection_lost", "backoff", { detail });
}
