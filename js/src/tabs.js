/**
 * @file One connection for all tabs of an origin, with the face of `Charla`.
 *
 * One tab owns the connection (see tabs-leader.js), the others reach it through it (see tabs-group.js). Each
 * tab keeps what it must not lose itself: its unacknowledged sends, which the next leader gets again under
 * the same ids, and how far it has read each chat, so that nothing is handed on twice. Where a browser has no
 * Web Locks or no BroadcastChannel, each tab is alone with a connection of its own.
 */
import { entryChatOf, socketUrl, uuid } from "./address.js";
import { Cursor } from "./cursor.js";
import { CharlaError } from "./error.js";
import { machine } from "./machine.js";
import { Outbox } from "./outbox.js";
import { Group } from "./tabs-group.js";

export { sharedToken } from "./shared-token.js";

/** Events that belong to a chat: they concern the tabs that have entered it. */
const OF_A_CHAT = new Set(["subscribed", "message", "edited", "deleted", "read", "typing", "presence", "closed", "reopened"]);

/**
 * @typedef {import("./frames.js").Events} Events
 * @typedef {import("./frames.js").Ack} Ack
 * @typedef {import("./frames.js").Subscribed} Subscribed
 * @typedef {import("./state.js").State} State
 *
 * @typedef {object} Sharing
 * @property {string} name Who shares: it must tell people and tenants apart, or one reads what is another's.
 * @property {LockManager} [locks]
 * @property {typeof BroadcastChannel} [BroadcastChannel]
 * @typedef {import("./client.js").Options & Sharing} SharedOptions
 *
 * @typedef {{resolve: (value: any) => void, reject: (error: Error) => void}} Waiter
 * @typedef {{cursor: Cursor, entering: boolean, waiters: Waiter[], waits?: boolean}} Subscription `waits` for the next connection: the client had given up.
 */

export class SharedCharla extends EventTarget {
  #now;
  #group;
  /** What is written after a client gave up waits for a better day. */
  #keeps;
  #joined = false;
  /** @type {State} As the leader last told it. */
  #state;
  /** @type {Map<string, Subscription>} */
  #chats = new Map();
  /** @type {Outbox<Waiter & {promise: Promise<Ack>}>} */
  #outbox;
  /** @type {import("./frames.js").Welcome | null} Who the server says we are. */
  welcome = null;

  /** @param {SharedOptions} options */
  constructor({ name, locks = globalThis.navigator?.locks, BroadcastChannel = globalThis.BroadcastChannel, ...options }) {
    super();
    if (!name) throw new TypeError("tabs that share a connection need the name of the person whose it is");
    this.#now = options.now ?? Date.now;
    this.#keeps = Boolean(options.queue);
    this.#outbox = new Outbox({ ...options.outbox, window: Infinity });
    this.#state = machine(options.policy).state;
    /** The socket's address, without a token. */
    this.url = socketUrl(options.url ?? "/ws/");
    const entry = entryChatOf(this.url);
    if (entry) this.#chats.set(entry, subscriptionFrom());
    const member = {
      event: (/** @type {string} */ type, /** @type {any} */ detail) => this.#event(type, detail),
      follow: (/** @type {State} */ state, /** @type {any} */ welcome) => this.#follow(state, welcome),
    };
    this.#group = new Group(name, options, { locks, BroadcastChannel, now: this.#now }, member);
  }

  /** @returns {State} */
  get state() {
    return this.#state;
  }

  get connected() {
    return this.#state.name === "connected";
  }

  /** Whether this tab owns the connection. */
  get leads() {
    return this.#group.leader !== null;
  }

  /** What this tab wrote and nobody acknowledged yet. */
  get unsent() {
    return this.#outbox.all().map(({ id, chat, text, data, attachments, queuedAt }) => ({ id, chat, text, queuedAt, ...given({ data, attachments }) }));
  }

  /**
   * Like addEventListener, handing over the detail alone.
   * @template {keyof Events} Type
   * @param {Type} type
   * @param {(detail: Events[Type]) => void} listener
   * @returns {() => void} Ends it.
   */
  on(type, listener) {
    const handle = (/** @type {any} */ event) => listener(event.detail);
    this.addEventListener(type, handle);
    return () => this.removeEventListener(type, handle);
  }

  /** Joins the other tabs. After that, as with `Charla`: at once and with a fresh budget, for all of them. */
  connect() {
    if (this.#joined) this.#group.call("connect", []).catch(() => {});
    else {
      this.#joined = true;
      this.#group.join();
    }
    return this;
  }

  /** Ends it for this tab; the others go on. What was not acknowledged is handed back as refused. */
  close() {
    if (!this.#joined) return;
    this.#joined = false;
    this.#group.leave();
    const error = new CharlaError("closed");
    for (const { id } of this.#outbox.all()) this.#outbox.remove(id)?.reject(error);
    for (const { waiters } of this.#chats.values()) for (const { reject } of waiters.splice(0)) reject(error);
    this.#became({ ...machine().state, name: "closed" });
  }

  /**
   * @param {string} chat
   * @param {{after?: number, rev?: number, epoch?: number}} [from] The last message and revision already seen.
   * @returns {Promise<Subscribed>} Rejects when the server refuses, and once the client has given up or is closed: the
   *   chat stays wanted then, and the next connection enters it.
   */
  subscribe(chat, from) {
    const subscription = this.#chats.get(chat) ?? subscriptionFrom(from);
    this.#chats.set(chat, subscription);
    return new Promise((resolve, reject) => {
      // It stays wanted: whoever leads after the next connect() enters it.
      if (this.#state.name === "closed" && !this.#joined) return reject(new CharlaError("closed"));
      subscription.waiters.push({ resolve, reject });
      this.#enter(chat, subscription);
    });
  }

  /** @param {string} chat */
  unsubscribe(chat) {
    const known = this.#chats.get(chat);
    // What is still to be sent there needs the subscription.
    if (!known || this.#outbox.all().some((entry) => entry.chat === chat)) return;
    this.#chats.delete(chat);
    for (const { reject } of known.waiters) reject(new CharlaError("unsubscribed"));
    this.#group.call("unsubscribe", [chat]).catch(() => {});
  }

  /**
   * @param {string} chat
   * @param {string} text
   * @param {{data?: any, attachments?: string[], id?: string}} [more] The ids that `attach` gave; `id` of a send that is being repeated.
   * @returns {Promise<Ack> & {id: string}}
   */
  send(chat, text, { data, attachments, id = uuid() } = {}) {
    // As it will travel: what JSON cannot carry, a channel may not either.
    const plain = JSON.parse(JSON.stringify({ data, attachments }));
    const known = this.#outbox.get(id)?.promise;
    return Object.assign(known ?? this.#enqueue({ id, chat, text, ...plain, queuedAt: this.#now() }), { id });
  }

  /** @param {string} chat @param {number} seq @param {string} text @returns {Promise<import("./frames.js").Changed>} */
  edit(chat, seq, text) {
    return this.#group.call("edit", [chat, seq, text]);
  }

  /** @param {string} chat @param {number} seq @returns {Promise<import("./frames.js").Changed>} */
  delete(chat, seq) {
    return this.#group.call("delete", [chat, seq]);
  }

  /**
   * @param {string} chat
   * @param {{before?: number, limit?: number}} [page] The latest by default.
   * @returns {Promise<import("./frames.js").History>}
   */
  history(chat, page = {}) {
    return this.#group.call("history", [chat, page]);
  }

  /**
   * Messages of a chat with these words, the newest first.
   * @param {string} chat
   * @param {string} q All of the words must occur, the last one as a beginning; accents and capitals do not count.
   * @param {{before?: number, limit?: number}} [page]
   * @returns {Promise<import("./frames.js").Found>}
   */
  search(chat, q, page = {}) {
    return this.#group.call("search", [chat, q, page]);
  }

  /** Everything up to `seq` was seen. @param {string} chat @param {number} seq */
  read(chat, seq) {
    this.#group.call("read", [chat, seq]).catch(() => {});
  }

  /** @param {string} chat @param {boolean} on */
  typing(chat, on) {
    this.#group.call("typing", [chat, on]).catch(() => {});
  }

  /**
   * Any request of the protocol, and its answer: for what stands in a module of its own (see attach.js).
   * @param {{type: string} & Record<string, any>} frame
   * @returns {Promise<any>}
   */
  ask(frame) {
    return this.#group.call("ask", [frame]);
  }

  /** What happened last to the one connection, in whichever tab it is. @returns {Promise<import("./link.js").Report>} */
  report() {
    return this.#group.call("report", []);
  }

  /** The new leader is told where we stand, and gets what nobody has acknowledged yet. @param {State} state @param {any} welcome */
  #follow(state, welcome) {
    this.welcome = welcome ?? this.welcome;
    this.#became(state);
    for (const [chat, subscription] of this.#chats) this.#enter(chat, subscription);
    this.#outbox.rewind();
    this.#flush();
  }

  /**
   * @param {string} chat
   * @param {Subscription} subscription
   */
  async #enter(chat, subscription) {
    const { term } = this.#group;
    if (term === 0) return;
    subscription.entering = true;
    subscription.waits = false;
    const isCurrent = () => term === this.#group.term && this.#chats.get(chat) === subscription;
    try {
      const frame = await this.#group.call("subscribe", [chat, subscription.cursor.place]);
      if (isCurrent()) this.#entered(frame, subscription);
    } catch (/** @type {any} */ error) {
      // The next leader is asked again.
      if (error.cause === "connection_lost" || !isCurrent()) return;
      subscription.waits = this.#state.name === "disabled";
      if (!subscription.waits) this.#chats.delete(chat);
      for (const { reject } of subscription.waiters.splice(0)) reject(error);
    }
  }

  /**
   * @param {Subscribed} frame
   * @param {Subscription} subscription
   */
  #entered(frame, subscription) {
    const { cursor, waiters } = subscription;
    subscription.entering = false;
    cursor.entered(frame);
    this.#emit("subscribed", frame);
    for (const { resolve } of waiters.splice(0)) resolve(frame);
    if (!frame.resumed) return;
    for (const message of frame.messages ?? []) this.#deliver(cursor, { chat: frame.chat, ...message });
    for (const message of frame.changed ?? []) {
      this.#emit(message.deleted ? "deleted" : "edited", { chat: frame.chat, ...message });
    }
    cursor.revised(frame.rev);
  }

  /**
   * What the leader's client told.
   * @param {string} type
   * @param {any} detail
   */
  #event(type, detail) {
    if (type === "state") return this.#became(detail);
    if (type === "welcome") this.welcome = detail;
    const subscription = this.#chats.get(detail?.chat);
    if (type === "inbox" && subscription) return undefined;
    if (!OF_A_CHAT.has(type)) return this.#emit(type, detail);
    // What comes before our own entrance is told by the answer to it.
    if (!subscription || subscription.entering) return undefined;
    if (type === "message") return this.#deliver(subscription.cursor, detail);
    if (type === "subscribed") subscription.cursor.entered(detail);
    if (type === "edited" || type === "deleted") subscription.cursor.revised(detail.rev);
    return this.#emit(type, detail);
  }

  /**
   * @param {Cursor} cursor
   * @param {any} message
   */
  #deliver(cursor, message) {
    const { deliver, missing } = cursor.accept(message);
    for (const each of deliver) this.#emit("message", each);
    if (!missing) return;
    const { chat } = message;
    const fill = (/** @type {any[]} */ messages) => {
      for (const each of cursor.fill(messages)) this.#emit("message", { chat, ...each });
    };
    this.history(chat, missing).then(
      (page) => fill(page.messages),
      // Without a connection the next subscription brings what is missing.
      (error) => error.cause !== "connection_lost" && fill([]),
    );
  }

  /** @param {import("./outbox.js").Entry} message @returns {Promise<Ack>} */
  #enqueue(message) {
    /** @type {any} */
    const waiter = {};
    const promise = new Promise((resolve, reject) => Object.assign(waiter, { resolve, reject }));
    const { name, cause, exhausted } = this.#state;
    if (name === "closed" || (name === "disabled" && !(exhausted && this.#keeps))) waiter.reject(new CharlaError(cause ?? "connection_lost"));
    else if (!this.#outbox.add({ ...message, ...waiter, promise })) waiter.reject(new CharlaError("outbox_full", "wait"));
    else this.#flush();
    return promise;
  }

  #flush() {
    if (this.#group.term === 0) return;
    const now = this.#now();
    for (const { id } of this.#outbox.expired(now)) this.#outbox.remove(id)?.reject(new CharlaError("outbox_expired"));
    for (const { id, chat, text, data, attachments } of this.#outbox.take(now, () => true)) {
      this.#group.call("send", [chat, text, { id, ...given({ data, attachments }) }]).then(
        (ack) => this.#outbox.remove(id)?.resolve(ack),
        // One whose leader is gone goes to the next.
        (error) => error.cause !== "connection_lost" && this.#outbox.remove(id)?.reject(error),
      );
    }
  }

  /** @param {State & {previous?: string}} state */
  #became(state) {
    const { name: previous } = this.#state;
    const isSame = JSON.stringify({ ...this.#state, previous: 0 }) === JSON.stringify({ ...state, previous: 0 });
    this.#state = state;
    if (!isSame) this.#emit("state", { ...state, previous });
    if (state.name !== "connected") return;
    for (const [chat, subscription] of this.#chats) if (subscription.waits) this.#enter(chat, subscription);
  }

  /**
   * @param {string} type
   * @param {any} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** Without what a send does not have. @param {{data?: any, attachments?: string[]}} more */
function given({ data, attachments }) {
  return { ...(data === undefined ? {} : { data }), ...(attachments ? { attachments } : {}) };
}

/** @param {{after?: number, rev?: number, epoch?: number}} [from] @returns {Subscription} */
function subscriptionFrom(from) {
  return { cursor: new Cursor(from), entering: false, waiters: [] };
}
