/**
 * @file The tab that owns the connection, at the service of all tabs of its name, its own among them.
 *
 * It keeps who wants which chat and who is being looked at; what a tab must not lose (its sends, how far it
 * has read) is kept by that tab itself, so that nothing is lost with the leader.
 */
import { Charla } from "./client.js";
import { watchPage } from "./page.js";

/** A refused subscription that may be repeated waits this long unless the server names a time. */
const AGAIN_AFTER_MS = 2_000;
const PREVIEW_LENGTH = 80;

/** All that a client tells. @type {readonly (keyof import("./frames.js").Events)[]} */
const EVENTS = Object.freeze([
  "state", "welcome", "subscribed", "message", "edited", "deleted", "read", "typing",
  "presence", "inbox", "notification", "closed", "reopened", "refused", "trace",
]);

/**
 * @typedef {{chats: Set<string>, visible: boolean}} Tab
 * @typedef {{method: string, args: any[]}} Call
 * @typedef {(type: string, detail: any) => void} Tell Tells all tabs.
 */

export class Leader {
  #tell;
  /** @type {Map<string, Tab>} By the tab's id. */
  #tabs = new Map();
  /** Chats that the present connection has entered. @type {Set<string>} */
  #entered = new Set();
  /** What the inbox says of a chat that one tab has open and another has not. @type {Map<string, {title: string, read: number}>} */
  #shelves = new Map();
  /** @type {((type: string) => void) | null} */
  #page = null;
  #looked = true;
  #stopped = false;

  /**
   * @param {import("./client.js").Options} options
   * @param {Tell} tell
   */
  constructor(options, tell) {
    this.#tell = tell;
    this.client = new Charla({ ...options, watchPage: (page, blocked) => this.#watch(page, blocked) });
    for (const type of EVENTS) this.client.on(type, (detail) => this.#heard(type, detail));
  }

  /** Closes the connection, and says no more: the next leader will. */
  stop() {
    this.#stopped = true;
    this.client.close();
  }

  /** @param {string} id @param {boolean} visible */
  sees(id, visible) {
    this.#tab(id).visible = visible;
    this.#look();
  }

  /** @param {string} id A tab that closed or crashed. */
  forget(id) {
    const tab = this.#tabs.get(id);
    this.#tabs.delete(id);
    for (const chat of tab?.chats ?? []) this.#leave(chat);
    this.#look();
  }

  /**
   * @param {string} id Of the tab that asks.
   * @param {Call} call
   * @returns {Promise<any>} The answer; rejects with the client's own error.
   */
  async serve(id, { method, args }) {
    const tab = this.#tab(id);
    const [chat, ...rest] = args;
    switch (method) {
      case "subscribe":
        return this.#subscribe(tab, chat, rest[0]);
      case "unsubscribe":
        tab.chats.delete(chat);
        return this.#leave(chat);
      case "send":
        return this.client.send(chat, rest[0], rest[1]);
      case "edit":
        return this.client.edit(chat, rest[0], rest[1]);
      case "delete":
        return this.client.delete(chat, rest[0]);
      case "history":
        return this.client.history(chat, rest[0]);
      case "search":
        return this.client.search(chat, rest[0], rest[1]);
      case "read":
        return this.client.read(chat, rest[0]);
      case "typing":
        return this.client.typing(chat, rest[0]);
      case "ask":
        return this.client.ask(args[0]);
      case "report":
        return this.client.report();
      case "connect":
        return void this.client.connect();
      default:
        throw new TypeError(`no such call: ${method}`);
    }
  }

  /** @param {string} id */
  #tab(id) {
    const tab = this.#tabs.get(id) ?? { chats: new Set(), visible: false };
    this.#tabs.set(id, tab);
    return tab;
  }

  /**
   * Every tab gets an answer of its own, from where it stands: the connection may be far ahead of it.
   * @param {Tab} tab
   * @param {string} chat
   * @param {{after?: number, rev?: number, epoch?: number}} from
   */
  async #subscribe(tab, chat, from) {
    tab.chats.add(chat);
    if (from.after === undefined) {
      // Nothing to resume: the tab loads what it shows, up to where the connection stands.
      const frame = await this.client.subscribe(chat);
      return { ...frame, resumed: false, messages: [], changed: [] };
    }
    for (;;) {
      if (!this.#entered.has(chat)) await this.client.subscribe(chat, from);
      try {
        return await this.client.peek(chat, from);
      } catch (/** @type {any} */ error) {
        if (this.#stopped || error.retry === "stop") throw error;
        if (error.cause !== "connection_lost") await later(error.retryInMs ?? AGAIN_AFTER_MS);
      }
    }
  }

  /** @param {string} chat */
  #leave(chat) {
    for (const { chats } of this.#tabs.values()) if (chats.has(chat)) return;
    this.#entered.delete(chat);
    this.client.unsubscribe(chat);
  }

  /**
   * @param {string} type
   * @param {any} detail
   */
  #heard(type, detail) {
    if (this.#stopped) return;
    if (type === "state" && detail.name !== "connected") this.#entered.clear();
    if (type === "subscribed") this.#shelve(detail);
    if (type === "read" && detail.user?.id === this.#me) this.#hasRead(detail);
    this.#tell(type, detail);
    if (type === "message") this.#tell("inbox", this.#inbox(detail));
  }

  get #me() {
    return this.client.welcome?.user?.id;
  }

  /** @param {any} frame */
  #shelve({ chat, title, reads = [] }) {
    this.#entered.add(chat);
    const read = reads.find((/** @type {any} */ { user }) => user === this.#me)?.seq ?? 0;
    this.#shelves.set(chat, { title, read });
  }

  /** @param {{chat: string, seq: number}} frame */
  #hasRead({ chat, seq }) {
    const shelf = this.#shelves.get(chat);
    if (shelf) shelf.read = Math.max(shelf.read, seq);
  }

  /**
   * The server tells the inbox of chats that the connection has not entered. A tab that has not entered what
   * another has is owed the same.
   * @param {any} message
   */
  #inbox({ chat, seq, author, text, sent_at }) {
    const { title, read = 0 } = this.#shelves.get(chat) ?? {};
    const unread = author?.id === this.#me ? 0 : Math.max(0, seq - read);
    const preview = [...(text ?? "")].slice(0, PREVIEW_LENGTH).join("");
    return { type: "inbox", chat, title, seq, unread, preview, author, sent_at };
  }

  /**
   * The page as all tabs see it: this one may be hidden while another is being read.
   * @param {(type: string) => void} page
   * @param {(uri: string) => void} blocked
   * @returns {() => void}
   */
  #watch(page, blocked) {
    this.#page = page;
    this.#look();
    const isOwn = (/** @type {string} */ type) => type === "visible" || type === "hidden";
    return watchPage((type) => !isOwn(type) && page(type), blocked);
  }

  #look() {
    const looked = [...this.#tabs.values()].some(({ visible }) => visible);
    if (looked === this.#looked || !this.#page) return;
    this.#looked = looked;
    this.#page(looked ? "visible" : "hidden");
  }
}

/** @param {number} delayMs */
function later(delayMs) {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
