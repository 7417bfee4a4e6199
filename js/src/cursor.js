/**
 * @file How far one chat was read: what is new, what is a repeat, what is missing.
 *
 * A chat's messages are numbered 1, 2, 3 ... without gaps, so the last number seen says everything. A
 * message beyond the next number is kept back until history has filled the gap.
 */

/** More than this behind is not a gap to mend but a page to load anew. */
const MAX_HELD = 200;

export class Cursor {
  /** @type {number | null} Last message handed on; null before the first `subscribed`. */
  seq;
  /** @type {number | null} Last edit or delete seen. */
  rev;
  /** @type {number | null} What both count in: another one after the server's store was put back from a backup. */
  epoch;
  /** @type {Map<number, any>} */
  #held = new Map();

  /** @param {{after?: number, rev?: number, epoch?: number}} [from] */
  constructor({ after, rev, epoch } = {}) {
    this.seq = after ?? null;
    this.rev = rev ?? null;
    this.epoch = epoch ?? null;
  }

  /** Where to go on from, as a request says it. @returns {{after?: number, rev?: number, epoch?: number}} */
  get place() {
    const { seq, rev, epoch } = this;
    return { after: seq ?? undefined, rev: rev ?? undefined, epoch: epoch ?? undefined };
  }

  /** The chat was entered. @param {{seq: number, rev?: number, epoch?: number, resumed: boolean}} subscribed */
  entered(subscribed) {
    this.epoch = subscribed.epoch ?? this.epoch;
    if (!subscribed.resumed) this.jump(subscribed);
  }

  /**
   * @param {{seq: number}} message
   * @returns {{deliver: any[], missing: {before: number, limit: number} | null}}
   */
  accept(message) {
    if (this.seq === null) this.seq = message.seq - 1;
    if (message.seq <= this.seq) return { deliver: [], missing: null };
    const first = this.#held.size === 0;
    if (this.#held.size < MAX_HELD) this.#held.set(message.seq, message);
    const deliver = this.#run();
    const gap = message.seq - this.seq - 1;
    // One request mends the gap; those that follow it are only kept.
    const missing = deliver.length === 0 && first ? { before: message.seq, limit: Math.min(gap, MAX_HELD) } : null;
    return { deliver, missing };
  }

  /**
   * History for a gap came. What it could not fill is given up: better late than never.
   * @param {{seq: number}[]} messages
   * @returns {any[]} To hand on, in order.
   */
  fill(messages) {
    for (const message of messages) if (message.seq > (this.seq ?? 0)) this.#held.set(message.seq, message);
    const deliver = this.#run();
    while (this.#held.size > 0) {
      this.seq = Math.min(...this.#held.keys()) - 1;
      deliver.push(...this.#run());
    }
    return deliver;
  }

  /** @param {{seq: number, rev?: number}} subscribed */
  jump({ seq, rev }) {
    this.seq = seq;
    this.rev = rev ?? this.rev;
    this.#held.clear();
  }

  /** @param {number | undefined} rev */
  revised(rev) {
    if (rev !== undefined && rev > (this.rev ?? -1)) this.rev = rev;
  }

  #run() {
    const out = [];
    for (let next; (next = this.#held.get((this.seq ?? 0) + 1)); out.push(next)) {
      this.#held.delete(next.seq);
      this.seq = next.seq;
    }
    return out;
  }
}
