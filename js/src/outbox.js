/**
 * @file Sends that nobody has acknowledged yet.
 *
 * Every send has an id and keeps it: sent again after a reconnect, the server answers with the number
 * it gave the first time, so a message is stored once however often it travels. The queue is bounded
 * in count, bytes and age; what does not fit is refused and what grows too old is handed back, never
 * dropped without a word. No clock of its own: `now` is passed in.
 */

/**
 * @typedef {object} Entry
 * @property {string} id
 * @property {string} chat
 * @property {string} text
 * @property {unknown} [data]
 * @property {number} bytes
 * @property {number} queuedAt
 * @property {boolean} sent On the present connection.
 *
 * @typedef {object} Bounds
 * @property {number} maxCount
 * @property {number} maxBytes
 * @property {number} maxAgeMs
 * @property {number} window Sends under way at once: below the server's own burst.
 */

/** @type {Bounds} */
export const BOUNDS = Object.freeze({ maxCount: 200, maxBytes: 256 * 1024, maxAgeMs: 15 * 60_000, window: 16 });

export class Outbox {
  /** @type {Map<string, Entry>} In the order in which they were written. */
  #entries = new Map();
  #bytes = 0;
  #heldUntil = 0;
  #bounds;

  /** @param {Partial<Bounds>} [bounds] */
  constructor(bounds = {}) {
    this.#bounds = { ...BOUNDS, ...bounds };
  }

  get size() {
    return this.#entries.size;
  }

  /**
   * @param {{id: string, chat: string, text: string, data?: unknown}} message
   * @param {number} now
   * @returns {boolean} False when the queue is full. An id that is queued already stays as it is.
   */
  add(message, now) {
    if (this.#entries.has(message.id)) return true;
    const bytes = sizeOf(message);
    if (this.#entries.size >= this.#bounds.maxCount || this.#bytes + bytes > this.#bounds.maxBytes) return false;
    this.#entries.set(message.id, { ...message, bytes, queuedAt: now, sent: false });
    this.#bytes += bytes;
    return true;
  }

  /**
   * What may be sent now, in order, marked as sent.
   * @param {number} now
   * @param {(chat: string) => boolean} [mayWrite] Chats that the connection has not entered yet wait.
   * @returns {Entry[]}
   */
  take(now, mayWrite = () => true) {
    if (now < this.#heldUntil) return [];
    const taken = [];
    let underWay = 0;
    for (const entry of this.#entries.values()) {
      if (underWay >= this.#bounds.window) break;
      if (!entry.sent && !mayWrite(entry.chat)) continue;
      underWay += 1;
      if (entry.sent) continue;
      entry.sent = true;
      taken.push(entry);
    }
    return taken;
  }

  /** The connection is gone: everything unacknowledged goes out again, with the same id. */
  rewind() {
    for (const entry of this.#entries.values()) entry.sent = false;
    this.#heldUntil = 0;
  }

  /**
   * The server asked for patience with one of them. All wait, so that none overtakes another.
   * @param {string} id
   * @param {number} until
   */
  postpone(id, until) {
    const entry = this.#entries.get(id);
    if (entry) entry.sent = false;
    this.#heldUntil = Math.max(this.#heldUntil, until);
  }

  /** @returns {Set<string>} Those that something is waiting for. */
  chats() {
    return new Set([...this.#entries.values()].map(({ chat }) => chat));
  }

  /** @param {string} id */
  has(id) {
    return this.#entries.has(id);
  }

  /**
   * Acknowledged, or refused for good.
   * @param {string} id
   * @returns {Entry | undefined}
   */
  remove(id) {
    const entry = this.#entries.get(id);
    if (!entry) return undefined;
    this.#entries.delete(id);
    this.#bytes -= entry.bytes;
    return entry;
  }

  /**
   * @param {number} now
   * @returns {Entry[]} Those that waited too long; they are out of the queue.
   */
  expire(now) {
    const old = [...this.#entries.values()].filter((entry) => now - entry.queuedAt >= this.#bounds.maxAgeMs);
    for (const entry of old) this.remove(entry.id);
    return old;
  }

  /** @param {string} chat @returns {Entry[]} All that was queued for it; it is out of the queue. */
  removeChat(chat) {
    const its = [...this.#entries.values()].filter((entry) => entry.chat === chat);
    for (const { id } of its) this.remove(id);
    return its;
  }

  /** @returns {Entry[]} All that was queued; the queue is empty afterwards. */
  drain() {
    const all = [...this.#entries.values()];
    this.#entries.clear();
    this.#bytes = 0;
    return all;
  }
}

const encoder = new TextEncoder();

function sizeOf({ text, data }) {
  return encoder.encode(text).length + (data === undefined ? 0 : encoder.encode(JSON.stringify(data)).length);
}
