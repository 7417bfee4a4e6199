/**
 * @file Sends that nobody has acknowledged yet.
 *
 * Every send has an id and keeps it: sent again after a reconnect, the server answers with the number
 * it gave the first time, so a message is stored once however often it travels. The queue is bounded
 * in count, bytes and age; what does not fit is refused and what grows too old is handed back, never
 * dropped without a word. No clock of its own: `now` is passed in.
 */
import { settings } from "./policy.js";

/**
 * @typedef {object} Entry What is worth keeping of a send, from one load of the page to the next too.
 * @property {string} id
 * @property {string} chat
 * @property {string} text
 * @property {any} [data]
 * @property {string[]} [attachments]
 * @property {number} queuedAt
 *
 * @typedef {object} Bounds
 * @property {number} maxCount
 * @property {number} maxBytes
 * @property {number} maxAgeMs
 * @property {number} window Sends under way at once: below the server's own burst.
 */

/** @type {Bounds} */
export const BOUNDS = { maxCount: 200, maxBytes: 256 * 1024, maxAgeMs: 15 * 60_000, window: 16 };

/** @template {object} More What the owner keeps with each. */
export class Outbox {
  /** @type {Map<string, Entry & More & {bytes: number, sent: boolean}>} In the order in which they were written. */
  #entries = new Map();
  #bytes = 0;
  #heldUntil = 0;
  #bounds;

  /** @param {Partial<Bounds>} [bounds] */
  constructor(bounds) {
    this.#bounds = settings(BOUNDS, bounds);
  }

  get size() {
    return this.#entries.size;
  }

  /** A copy of the queue. */
  all() {
    return [...this.#entries.values()];
  }

  /** @param {string} id */
  get(id) {
    return this.#entries.get(id);
  }

  /**
   * @param {Entry & More} entry
   * @returns {boolean} False when the queue is full.
   */
  add(entry) {
    const { maxCount, maxBytes } = this.#bounds;
    const bytes = sizeOf(entry);
    if (this.size >= maxCount || this.#bytes + bytes > maxBytes) return false;
    this.remove(entry.id);
    this.#bytes += bytes;
    this.#entries.set(entry.id, { ...entry, bytes, sent: false });
    return true;
  }

  /**
   * What may be sent now, in order, marked as sent.
   * @param {number} now
   * @param {(chat: string) => boolean} mayWrite Chats that the connection has not entered yet wait.
   * @returns {(Entry & More)[]}
   */
  take(now, mayWrite) {
    if (now < this.#heldUntil) return [];
    const ready = this.all().filter(({ sent, chat }) => sent || mayWrite(chat));
    const taken = ready.slice(0, this.#bounds.window).filter(({ sent }) => !sent);
    for (const entry of taken) entry.sent = true;
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

  /**
   * Acknowledged, or refused for good.
   * @param {string} id
   */
  remove(id) {
    const entry = this.#entries.get(id);
    this.#bytes -= entry?.bytes ?? 0;
    this.#entries.delete(id);
    return entry;
  }

  /** @param {number} now @returns {(Entry & More)[]} Those that waited too long. */
  expired(now) {
    return this.all().filter(({ queuedAt }) => now - queuedAt >= this.#bounds.maxAgeMs);
  }

  /** @param {number} now @returns {number} When to look again, be it to send or to give up; Infinity when empty. */
  deadline(now) {
    const ends = this.all().map(({ queuedAt }) => queuedAt + this.#bounds.maxAgeMs);
    if (now < this.#heldUntil) ends.push(this.#heldUntil);
    return Math.min(...ends);
  }
}

/** @param {Entry} entry */
function sizeOf({ text, data }) {
  return new TextEncoder().encode(text + (JSON.stringify(data) ?? "")).length;
}
