/**
 * @file A client of a Charla server: the protocol `charla.v1` over one [`Link`].
 *
 * Keeps what must survive a reconnect (subscriptions, unacknowledged sends) and turns frames into events.
 * A message is handed on once and in order, whatever the connection goes through; a send ends in its ack
 * or in a refusal, never in silence.
 */
import { entryChatOf, steady, uuid, withParameters } from "./address.js";
import { Cursor } from "./cursor.js";
import { CharlaError } from "./error.js";
import { Link } from "./link.js";
import { Outbox } from "./outbox.js";
import { lost, Requests } from "./requests.js";

/** A refused request that may be repeated waits this long unless the server names a time. */
const AGAIN_AFTER_MS = 2_000;
/** A store that has not opened by then is not waited for: its sends follow when it has. */
const LOAD_WITHIN_MS = 4_000;
/** No server is pinged more often, whatever it says. */
const HEARTBEAT_MIN_MS = 1_000;
/** Longer than this no timer can be set. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Frames that are handed on as they come; some say how many edits the chat has had. */
const RELAYED = "edited deleted read typing presence inbox notification".split(" ");

/**
 * @typedef {import("./frames.js").Events} Events
 * @typedef {import("./frames.js").Ack} Ack
 * @typedef {import("./outbox.js").Entry} Entry
 *
 * @typedef {object} Queue Where sends outlive the page: see `charla/persist`.
 * @property {() => Promise<Entry[]>} load
 * @property {(entry: Entry) => unknown} put
 * @property {(id: string) => unknown} remove
 *
 * @typedef {object} OwnOptions
 * @property {string | URL} [url] The socket's address; default `/ws/` of this page's host.
 * @property {import("./link.js").TokenSource} token
 * @property {string} [tenant]
 * @property {Partial<import("./policy.js").Policy>} [policy]
 * @property {Partial<import("./outbox.js").Bounds>} [outbox]
 * @property {Queue} [queue]
 * @typedef {OwnOptions & import("./link.js").World} Options
 *
 * @typedef {{promise: Promise<any>, resolve: (answer: any) => void, reject: (error: Error) => void}} Deferred
 * @typedef {{cursor: Cursor, next: Deferred | null, left?: boolean}} Subscription `left` once the last send for it is through.
 */

/** Tells its events (see [`Events`]) through `on(type, listener)`, or as `detail` through `addEventListener`. */
export class Charla extends EventTarget {
  #options;
  #link;
  #requests = new Requests();
  /** @type {Map<string, Subscription>} */
  #chats = new Map();
  /** The chat that the address enters by itself. */
  #entry;
  /** @type {Set<string>} Chats that this very connection has entered: only these take messages. */
  #entered = new Set();
  /** @type {Outbox<Deferred>} */
  #outbox;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** What an earlier load left is still being fetched: until then nothing goes out. */
  #restoring = false;
  /** The server's clock less ours. */
  #aheadMs = 0;
  /** @type {Set<number>} Subscriptions in another's name. */
  #peeks = new Set();
  /** A report went out to a server that may not know the frame. */
  #reported = false;
  /** @type {import("./frames.js").Welcome | null} Who the server says we are. */
  welcome = null;

  /** @param {Options} options */
  constructor(options) {
    super();
    this.#options = { url: "/ws/", ...options, now: steady(options.now ?? Date.now) };
    this.#outbox = new Outbox(options.outbox);
    this.#link = new Link({
      ...this.#options,
      protocols: (token) => ["charla.v1", `bearer.${token}`],
      address: (url, { attempt }) => {
        const place = this.#chats.get(this.#entry ?? "")?.cursor.place;
        return withParameters(url, { tenant: options.tenant, attempt, ...place });
      },
      hears: (data) => this.#hears(data),
      ping: () => this.#transmit({ type: "ping" }),
      renew: (token) => this.ask({ type: "refresh", token }).then((frame) => this.#lifeOf(frame)),
      changed: (state, { name }) => this.#changed(state, name),
      noted: (note) => this.#emit("trace", note),
    });
    /** The socket's address, without a token. */
    this.url = this.#link.url;
    this.#entry = entryChatOf(this.url);
    if (this.#entry) this.#chats.set(this.#entry, { cursor: new Cursor(), next: null });
    if (options.queue) this.#restore(options.queue);
  }

  get state() {
    return this.#link.state;
  }

  get connected() {
    return this.#link.connected;
  }

  /** What was written and not acknowledged yet, those of an earlier load of the page too. */
  get unsent() {
    return this.#outbox.all().map(kept);
  }

  /**
   * Like addEventListener, handing over the detail alone.
   * @template {keyof Events} Type
   * @param {Type} type
   * @param {(detail: Events[Type]) => void} listener
   * @returns {() => void} Ends it.
   */
  on(type, listener) {
    /** @param {any} event */
    const handle = (event) => listener(event.detail);
    this.addEventListener(type, handle);
    return () => this.removeEventListener(type, handle);
  }

  /** Connects; after a stop or while waiting: at once, with a fresh budget. */
  connect() {
    this.#link.connect();
    return this;
  }

  /** Ends the connection for good. What was not acknowledged is handed back as refused; a `queue` keeps it. */
  close() {
    this.#link.close();
  }

  /**
   * @param {string} chat
   * @param {{after?: number, rev?: number, epoch?: number}} [from] The last message and revision already seen, and their epoch.
   * @returns {Promise<import("./frames.js").Subscribed>} Rejects when the server refuses, and once the client has given
   *   up or is closed: the chat stays wanted then, and the next connection enters it.
   */
  subscribe(chat, from) {
    const subscription = this.#chats.get(chat) ?? { cursor: new Cursor(from), next: null };
    this.#chats.set(chat, subscription);
    const { promise } = (subscription.next ??= deferred());
    subscription.left = false;
    if (this.connected) this.#enter(chat, subscription);
    else this.#handBack();
    return promise;
  }

  /** @param {string} chat */
  unsubscribe(chat) {
    const known = this.#chats.get(chat);
    if (!known) return;
    // What is still to be sent there needs the subscription.
    known.left = this.#outbox.all().some((entry) => entry.chat === chat);
    if (known.left) return;
    this.#chats.delete(chat);
    this.#entered.delete(chat);
    known.next?.reject(new CharlaError("unsubscribed"));
    this.ask({ type: "unsubscribe", chat }).catch(() => {});
  }

  /**
   * A chat that is not subscribed is subscribed for it.
   * @param {string} chat
   * @param {string} text
   * @param {{data?: any, attachments?: string[], id?: string}} [more] The ids that `attach` gave; `id` of a send that is being repeated.
   * @returns {Promise<Ack> & {id: string}}
   */
  send(chat, text, { data, attachments, id = uuid() } = {}) {
    const queuedAt = this.#options.now();
    return Object.assign(this.#outbox.get(id)?.promise ?? this.#enqueue({ id, chat, text, data, attachments, queuedAt }), { id });
  }

  /** @param {string} chat @param {number} seq @param {string} text @returns {Promise<import("./frames.js").Changed>} */
  edit(chat, seq, text) {
    return this.ask({ type: "edit", chat, seq, text });
  }

  /** @param {string} chat @param {number} seq @returns {Promise<import("./frames.js").Changed>} */
  delete(chat, seq) {
    return this.ask({ type: "delete", chat, seq });
  }

  /**
   * @param {string} chat
   * @param {{before?: number, limit?: number}} [page] The latest by default.
   * @returns {Promise<import("./frames.js").History>}
   */
  history(chat, { before, limit = 50 } = {}) {
    return this.ask({ type: "history", chat, before, limit });
  }

  /**
   * Messages of a chat with these words, the newest first.
   * @param {string} chat
   * @param {string} q All of the words must occur, the last one as a beginning; accents and capitals do not count.
   * @param {{before?: number, limit?: number}} [page]
   * @returns {Promise<import("./frames.js").Found>}
   */
  search(chat, q, { before, limit = 20 } = {}) {
    return this.ask({ type: "search", chat, q, before, limit });
  }

  /** Everything up to `seq` was seen. Lost when there is no connection: the next one says it again. @param {string} chat @param {number} seq */
  read(chat, seq) {
    this.#transmit({ type: "read", chat, seq });
  }

  /** @param {string} chat @param {boolean} on */
  typing(chat, on) {
    this.#transmit({ type: "typing", chat, on });
  }

  /**
   * What one gets who subscribes from there: the answer is theirs (see tabs-leader.js), and changes nothing here.
   * @param {string} chat
   * @param {{after?: number, rev?: number, epoch?: number}} from
   * @returns {Promise<import("./frames.js").Subscribed>}
   */
  peek(chat, from) {
    return this.ask({ type: "subscribe", chat, ...from }, this.#peeks);
  }

  /** What happened last, without tokens: paste it where somebody looks for the cause. */
  report() {
    return this.#link.report({ unacknowledged: this.#outbox.size });
  }

  /** What each type of frame sets off. A type of a later server is not for us. @type {Record<string, (frame: any) => void>} */
  #frames = {
    welcome: (frame) => {
      this.welcome = frame;
      const { session, heartbeat_ms, server_time } = frame;
      this.#aheadMs = Date.parse(server_time) - this.#options.now();
      const outage = this.#link.welcomed({ session, heartbeatMs: heartbeat_ms && Math.max(heartbeat_ms, HEARTBEAT_MIN_MS), tokenExpiresInMs: this.#lifeOf(frame) });
      this.#reported = outage !== null;
      if (outage) this.#transmit({ type: "report", ...outage });
      this.#emit("welcome", frame);
      for (const [chat, subscription] of this.#chats) {
        if (chat !== this.#entry) this.#enter(chat, subscription);
      }
    },
    subscribed: (frame) => {
      const subscription = this.#chats.get(frame.chat);
      if (!subscription) return;
      const { cursor, next } = subscription;
      if (!this.#peeks.delete(frame.ref)) {
        subscription.next = null;
        this.#entered.add(frame.chat);
        cursor.entered(frame);
        this.#emit("subscribed", frame);
        next?.resolve(frame);
        this.#flush();
        if (!frame.resumed) return;
      }
      for (const message of frame.messages ?? []) this.#deliver(cursor, { chat: frame.chat, ...message });
      for (const message of frame.changed ?? []) {
        this.#emit(message.deleted ? "deleted" : "edited", { chat: frame.chat, ...message });
      }
      cursor.revised(frame.rev);
    },
    message: (frame) => {
      const cursor = this.#chats.get(frame.chat)?.cursor;
      if (cursor) this.#deliver(cursor, frame);
    },
    ack: (frame) => {
      if (frame.id) this.#forget(frame.id)?.resolve(frame);
      this.#flush();
    },
    error: (frame) => this.#refused(frame),
    token_expiring: ({ in_ms: leftMs }) => this.#link.expiring(leftMs),
    chat_closed: (frame) => this.#emit("closed", frame),
    chat_reopened: (frame) => this.#emit("reopened", frame),
  };

  /** @param {string} data */
  #hears(data) {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    const { type, ref } = frame ?? {};
    if (type !== "error") this.#requests.settle(ref, frame);
    if (RELAYED.includes(type)) {
      this.#chats.get(frame.chat)?.cursor.revised(frame.rev);
      this.#emit(type, frame);
    } else if (Object.hasOwn(this.#frames, type)) this.#frames[type](frame);
  }

  /** @param {import("./state.js").State} state @param {string} previous */
  #changed(state, previous) {
    if (previous === "connected") {
      this.#requests.drop();
      this.#peeks.clear();
      this.#entered.clear();
      this.#outbox.rewind();
    }
    this.#handBack();
    this.#emit("state", { ...state, previous });
  }

  /** Once it is over nothing would move it any more; unless it is kept for a better day. The chats stay wanted. */
  #handBack() {
    const { name, cause, exhausted } = this.state;
    if (!isOver(name)) return;
    const error = new CharlaError(cause ?? name);
    for (const subscription of this.#chats.values()) {
      subscription.next?.reject(error);
      subscription.next = null;
    }
    if (exhausted && this.#options.queue) return;
    for (const entry of this.#outbox.all()) this.#drop(entry, error, name !== "closed");
    clearTimeout(this.#timer);
  }

  /** @param {Entry} message @returns {Promise<any>} Of the ack. */
  #enqueue(message) {
    const entry = { ...message, ...deferred() };
    const { chat, promise } = entry;
    const { name, cause, exhausted } = this.state;
    if (isOver(name) && !(exhausted && this.#options.queue)) this.#drop(entry, new CharlaError(cause ?? "connection_lost"), name !== "closed");
    else if (!this.#outbox.add(entry)) this.#drop(entry, new CharlaError("outbox_full", "wait"));
    else {
      this.#store("put", kept(entry));
      if (!this.#chats.has(chat)) this.subscribe(chat).catch(() => {});
      this.#flush();
    }
    return promise;
  }

  /** What an earlier load of this page could not send goes first. @param {Queue} queue */
  async #restore(queue) {
    this.#restoring = true;
    /** @type {Entry[]} */
    let found = [];
    const timer = setTimeout(() => {
      this.#restoring = false;
      this.#link.note("queue", { cause: "queue_unavailable" });
      this.#flush();
    }, LOAD_WITHIN_MS);
    try {
      found = await queue.load();
    } catch {}
    clearTimeout(timer);
    this.#restoring = false;
    const written = this.#outbox.all();
    for (const { id } of written) this.#outbox.remove(id);
    for (const entry of found) this.#enqueue(entry).catch(() => {});
    for (const entry of written) if (!this.#outbox.add(entry)) this.#drop(entry, new CharlaError("outbox_full", "wait"));
    this.#flush();
  }

  /** @param {"put" | "remove"} act @param {any} what */
  async #store(act, what) {
    // A browser that can store nothing (more) still sends what it holds.
    try {
      await this.#options.queue?.[act](what);
    } catch {}
  }

  /** @param {string} id */
  #forget(id) {
    this.#store("remove", id);
    const entry = this.#outbox.remove(id);
    if (entry && this.#chats.get(entry.chat)?.left) this.unsubscribe(entry.chat);
    return entry;
  }

  /** @param {Entry & Deferred} entry @param {CharlaError} error @param {boolean} [forGood] */
  #drop({ id, chat, reject }, error, forGood = true) {
    if (forGood) this.#forget(id);
    else this.#outbox.remove(id);
    this.#link.note("drop", { what: "send", id, chat, cause: error.cause });
    reject(error);
  }

  #flush() {
    const now = this.#options.now();
    for (const entry of this.#outbox.expired(now)) this.#drop(entry, new CharlaError("outbox_expired"));
    for (const entry of this.#outbox.take(now, (chat) => this.#entered.has(chat) && !this.#restoring)) {
      this.#transmit({ type: "send", ...kept(entry), queuedAt: undefined });
    }
    clearTimeout(this.#timer);
    const at = this.#outbox.deadline(now);
    if (at < Infinity) this.#timer = setTimeout(() => this.#flush(), Math.min(at - now, LONGEST_TIMER_MS));
  }

  /** @param {Cursor} cursor @param {any} message */
  #deliver(cursor, message) {
    const { deliver, missing } = cursor.accept(message);
    for (const each of deliver) this.#emit("message", each);
    if (!missing) return;
    const { chat } = message;
    this.#link.note("gap", { chat, ...missing });
    /** @param {any[]} messages */
    const fill = (messages) => {
      for (const each of cursor.fill(messages)) this.#emit("message", { chat, ...each });
    };
    this.history(chat, missing).then(
      (page) => fill(page.messages),
      // Without a connection the next subscription brings what is missing.
      (error) => error.cause !== "connection_lost" && fill([]),
    );
  }

  /** @param {any} frame */
  #refused(frame) {
    const { ref, chat, id, cause, detail, retry, retry_in_ms: retryInMs } = frame;
    const error = new CharlaError(cause, retry, { detail, retryInMs });
    const entry = this.#outbox.get(id);
    if (entry) {
      if (passes(error)) this.#outbox.postpone(id, this.#options.now() + (retryInMs ?? AGAIN_AFTER_MS));
      else this.#drop(entry, error);
      this.#flush();
    } else if (this.#requests.settle(ref, null, error)) {
      // Whoever asked is told.
    } else if (this.#reported && cause === "bad_request" && !chat) this.#reported = false;
    else this.#emit("refused", frame);
  }

  /** @param {string} chat @param {Subscription} subscription */
  #enter(chat, subscription) {
    this.ask({ type: "subscribe", chat, ...subscription.cursor.place }).catch((error) => {
      const isCurrent = () => this.#chats.get(chat) === subscription;
      if (error.cause === "connection_lost" || !isCurrent()) return;
      if (passes(error)) {
        setTimeout(() => this.connected && isCurrent() && this.#enter(chat, subscription), error.retryInMs ?? AGAIN_AFTER_MS);
        return;
      }
      this.#chats.delete(chat);
      subscription.next?.reject(error);
      // The chat lets us in no more, so nothing that was written for it ever goes out.
      for (const entry of this.#outbox.all()) if (entry.chat === chat) this.#drop(entry, error);
    });
  }

  /** Of a token, by the server's clock. @param {{token_expires_at: string | null}} frame @returns {number | undefined} */
  #lifeOf({ token_expires_at: end }) {
    return end ? Date.parse(end) - this.#options.now() - this.#aheadMs : undefined;
  }

  /**
   * Any request of the protocol, and its answer: for what stands in a module of its own (see attach.js).
   * @param {{type: string} & Record<string, any>} frame
   * @param {Set<number>} [among] Where its number is put down.
   * @returns {Promise<any>}
   */
  ask(frame, among) {
    if (!this.connected) return Promise.reject(lost());
    return this.#requests.ask(frame, (numbered) => {
      among?.add(numbered.ref);
      this.#transmit(numbered);
    });
  }

  /** @param {any} frame */
  #transmit(frame) {
    this.#link.send(JSON.stringify(frame));
  }

  /** @param {string} type @param {any} detail */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** @param {Entry} entry @returns {Entry} Without what only this page can use. */
function kept({ id, chat, text, data, attachments, queuedAt }) {
  return { id, chat, text, data, attachments, queuedAt };
}

/** Only another connect() or the page's return moves it. @param {string} name Of the state. */
function isOver(name) {
  return ["disabled", "closed"].includes(name);
}

/** A refusal that time may lift. @param {CharlaError} error */
function passes({ retry }) {
  return ["backoff", "wait"].includes(retry);
}

/** @returns {Deferred} */
function deferred() {
  /** @type {any} */
  const it = {};
  it.promise = new Promise((resolve, reject) => Object.assign(it, { resolve, reject }));
  return it;
}
