/**
 * @file One connection to a Charla server: the shell around the reconnect machine.
 *
 * The machine decides, this carries out: it owns the socket, the timers and the token, keeps what must
 * survive a reconnect (subscriptions, unacknowledged sends) and turns frames into events. A message is
 * handed on once and in order, whatever the connection goes through.
 */
import { attemptUrl, entryChatOf, socketUrl, uuid } from "./address.js";
import { Cursor } from "./cursor.js";
import { diagnose } from "./diagnose.js";
import { CharlaError } from "./error.js";
import { deadline, machine, step } from "./machine.js";
import { Outbox } from "./outbox.js";
import { watchPage } from "./page.js";
import { lost, Requests } from "./requests.js";

/** Transitions kept for `report()`. */
const REPORT_LENGTH = 200;
/** A refused send that may be repeated waits this long unless the server names a time. */
const RESEND_AFTER_MS = 2_000;
const DEFAULT_HEARTBEAT_MS = 25_000;
/** Browsers take a longer one for 0; the machine does not mind being woken early. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * @typedef {object} Options
 * @property {string | URL} [url] The socket's address; default `/ws/` of this page's host.
 * @property {(why: {refused: string | null, expiring: boolean}) => string | Promise<string>} token
 *   Called once per cycle. Throw an error with `retry: "stop"` when there will be no other token.
 * @property {string} [tenant]
 * @property {Partial<import("./machine.js").Policy>} [policy]
 * @property {Partial<import("./outbox.js").Bounds>} [outbox]
 * @property {typeof WebSocket} [WebSocket]
 * @property {typeof fetch} [fetch]
 * @property {() => number} [now]
 * @property {() => number} [random]
 *
 * @typedef {object} Subscription
 * @property {Cursor} cursor
 * @property {{resolve: (frame: any) => void, reject: (error: Error) => void}[]} waiters
 */

/**
 * Events, each with the frame or the state as `detail`: `state`, `welcome`, `subscribed`, `message`,
 * `edited`, `deleted`, `read`, `typing`, `presence`, `inbox`, `notification`, `closed`, `reopened`,
 * `refused` (an error frame that answers no request of ours).
 */
export class Charla extends EventTarget {
  #options;
  #url;
  #entryChat;
  #machine;
  #token = "";
  #socket = null;
  #attemptId = "";
  #timer;
  #requests = new Requests();
  /** @type {Map<string, Subscription>} */
  #chats = new Map();
  /** Chats that this very connection has entered: only these take messages. */
  #entered = new Set();
  /** @type {Map<string, {resolve: Function, reject: Function}>} */
  #promises = new Map();
  #outbox;
  #resendTimer;
  #report = [];
  #unwatch = null;
  #refreshing = false;

  /** What each type of frame sets off. A type of a later server is not for us. */
  #frames = {
    welcome: (frame) => {
      this.welcome = frame;
      this.#feed({ type: "welcomed", heartbeatMs: frame.heartbeat_ms ?? DEFAULT_HEARTBEAT_MS });
      this.#emit("welcome", frame);
      this.#outbox.rewind();
      for (const [chat, subscription] of this.#chats) {
        if (chat !== this.#entryChat) this.#askSubscription(chat, subscription);
      }
      this.#flush();
    },
    subscribed: (frame) => {
      this.#requests.settle(frame);
      const subscription = this.#chats.get(frame.chat);
      if (!subscription) return;
      const { cursor, waiters } = subscription;
      this.#entered.add(frame.chat);
      if (!frame.resumed) cursor.jump(frame);
      this.#emit("subscribed", frame);
      for (const { resolve } of waiters.splice(0)) resolve(frame);
      this.#flush();
      if (!frame.resumed) return;
      for (const message of frame.messages) this.#deliver(cursor, { chat: frame.chat, ...message });
      for (const message of frame.changed ?? []) {
        this.#emit(message.deleted ? "deleted" : "edited", { chat: frame.chat, ...message });
      }
      cursor.revised(frame.rev);
    },
    message: (frame) => {
      const cursor = this.#chats.get(frame.chat)?.cursor;
      if (cursor) this.#deliver(cursor, frame);
    },
    edited: (frame) => {
      this.#chats.get(frame.chat)?.cursor.revised(frame.rev);
      this.#emit("edited", frame);
    },
    deleted: (frame) => {
      this.#chats.get(frame.chat)?.cursor.revised(frame.rev);
      this.#emit("deleted", frame);
    },
    ack: (frame) => {
      if (frame.id === undefined) return this.#requests.settle(frame);
      this.#outbox.remove(frame.id);
      this.#promises.get(frame.id)?.resolve(frame);
      this.#promises.delete(frame.id);
      return this.#flush();
    },
    history: (frame) => this.#requests.settle(frame),
    unsubscribed: (frame) => this.#requests.settle(frame),
    refreshed: (frame) => this.#requests.settle(frame),
    error: (frame) => this.#refused(frame),
    token_expiring: () => this.#renew(),
    pong: () => {},
    read: (frame) => this.#emit("read", frame),
    typing: (frame) => this.#emit("typing", frame),
    presence: (frame) => this.#emit("presence", frame),
    inbox: (frame) => this.#emit("inbox", frame),
    notification: (frame) => this.#emit("notification", frame),
    chat_closed: (frame) => this.#emit("closed", frame),
    chat_reopened: (frame) => this.#emit("reopened", frame),
  };

  /** @param {Options} options */
  constructor(options) {
    super();
    this.#options = { now: Date.now, random: Math.random, WebSocket: globalThis.WebSocket, ...options };
    this.#url = socketUrl(options.url ?? "/ws/");
    this.#entryChat = entryChatOf(this.#url);
    if (this.#entryChat) this.#chats.set(this.#entryChat, { cursor: new Cursor(), waiters: [] });
    this.#machine = machine(options.policy);
    this.#outbox = new Outbox(options.outbox);
    /** @type {any} Who the server says we are; null before the first welcome. */
    this.welcome = null;
  }

  /** @returns {import("./machine.js").State} */
  get state() {
    return this.#machine.state;
  }

  get connected() {
    return this.state.name === "connected";
  }

  /**
   * Like addEventListener, handing over the detail alone.
   * @param {string} type
   * @param {(detail: any) => void} listener
   * @returns {() => void} Ends it.
   */
  on(type, listener) {
    const handle = (event) => listener(event.detail);
    this.addEventListener(type, handle);
    return () => this.removeEventListener(type, handle);
  }

  /** Connects; after a stop or while waiting: at once, with a fresh budget. */
  connect() {
    this.#unwatch ??= watchPage((event) => this.#feed(event));
    this.#feed({ type: "connect" });
    return this;
  }

  /** Ends the connection for good. What was not acknowledged is handed back as refused. */
  close() {
    this.#feed({ type: "close" });
    this.#unwatch?.();
    this.#unwatch = null;
  }

  /**
   * @param {string} chat
   * @param {{after?: number, rev?: number}} [from] The last message and revision already seen.
   * @returns {Promise<any>} The `subscribed` frame; rejects when the server refuses.
   */
  subscribe(chat, from = {}) {
    const known = this.#chats.get(chat);
    const subscription = known ?? { cursor: new Cursor(from), waiters: [] };
    this.#chats.set(chat, subscription);
    return new Promise((resolve, reject) => {
      subscription.waiters.push({ resolve, reject });
      if (this.connected) this.#askSubscription(chat, subscription);
    });
  }

  /** @param {string} chat */
  unsubscribe(chat) {
    const known = this.#chats.get(chat);
    // What is still to be sent there needs the subscription.
    if (!known || this.#outbox.chats().has(chat)) return;
    this.#chats.delete(chat);
    this.#entered.delete(chat);
    for (const { reject } of known.waiters) reject(new CharlaError({ cause: "unsubscribed", retry: "stop" }));
    if (this.connected) this.#request({ type: "unsubscribe", chat }).catch(() => {});
  }

  /**
   * A chat that is not subscribed is subscribed for it.
   * @param {string} chat
   * @param {string} text
   * @param {{data?: unknown, id?: string}} [more] `id` of a send that is being repeated.
   * @returns {Promise<{chat: string, id: string, seq: number, sent_at: string}> & {id: string}} The ack.
   */
  send(chat, text, { data, id = uuid() } = {}) {
    const promise = new Promise((resolve, reject) => {
      const { name, cause } = this.state;
      if (name === "disabled" || name === "closed") {
        // Nothing would ever move it.
        reject(new CharlaError({ cause: cause ?? "connection_lost", retry: "stop" }));
        return;
      }
      if (!this.#outbox.add({ id, chat, text, ...(data === undefined ? {} : { data }) }, this.#options.now())) {
        reject(new CharlaError({ cause: "outbox_full", retry: "wait" }));
        return;
      }
      this.#promises.set(id, { resolve, reject });
      if (!this.#chats.has(chat)) this.subscribe(chat).catch((error) => this.#strand(chat, error));
      this.#flush();
    });
    return Object.assign(promise, { id });
  }

  edit(chat, seq, text) {
    return this.#request({ type: "edit", chat, seq, text });
  }

  delete(chat, seq) {
    return this.#request({ type: "delete", chat, seq });
  }

  /** @returns {Promise<{messages: any[], more: boolean}>} */
  history(chat, { before, limit = 50 } = {}) {
    return this.#request({ type: "history", chat, ...(before === undefined ? {} : { before }), limit });
  }

  /** Everything up to `seq` was seen. Lost when there is no connection: the next one says it again. */
  read(chat, seq) {
    this.#transmit({ type: "read", chat, seq });
  }

  typing(chat, on) {
    this.#transmit({ type: "typing", chat, on });
  }

  /** The last transitions, without tokens, ready to be pasted where somebody looks for the cause. */
  report() {
    const { policy, state, attempt, cycle, spent, last } = this.#machine;
    return {
      at: new Date(this.#options.now()).toISOString(),
      url: this.#url.origin + this.#url.pathname,
      agent: globalThis.navigator?.userAgent ?? null,
      session: this.welcome?.session ?? null,
      policy,
      now: { state, attempt, cycle, spent, last, unacknowledged: this.#outbox.size },
      transitions: [...this.#report],
    };
  }

  #feed(event) {
    const world = { now: this.#options.now(), random: this.#options.random };
    const before = this.#machine.state;
    const { machine: next, effects } = step(this.#machine, event, world);
    this.#machine = next;
    if (next.state !== before) this.#changed(before, next.state);
    for (const effect of effects) this.#effect(effect);
    this.#arm();
  }

  /** One timer for whatever the machine has to do next. */
  #arm() {
    clearTimeout(this.#timer);
    const at = deadline(this.#machine);
    if (at === null) return;
    const delayMs = Math.min(Math.max(0, at - this.#options.now()), LONGEST_TIMER_MS);
    this.#timer = setTimeout(() => this.#feed({ type: "wake" }), delayMs);
  }

  #changed(before, state) {
    const { name } = state;
    const note = { at: this.#options.now(), from: before.name, ...state, attemptId: this.#attemptId };
    this.#report.push(note);
    if (this.#report.length > REPORT_LENGTH) this.#report.shift();
    if (before.name === "connected" && name !== "connected") {
      this.#requests.drop();
      this.#entered.clear();
    }
    if (name === "disabled" || name === "closed") this.#handBack(state.cause ?? "closed");
    this.#emit("state", { ...state, previous: before.name });
  }

  #effect(effect) {
    switch (effect.type) {
      case "token":
        return void this.#askToken(effect.refused);
      case "open":
        return this.#open();
      case "shut":
        return this.#shut(effect.code, effect.reason);
      case "remember":
        return undefined;
      case "ping":
        return this.#transmit({ type: "ping" });
      case "preflight":
        return void this.#preflight();
      default:
        throw new TypeError(`no such effect: ${effect.type}`);
    }
  }

  async #askToken(refused) {
    try {
      this.#token = await this.#options.token({ refused, expiring: false });
    } catch (error) {
      this.#feed({ type: "tokenFailed", cause: error?.cause, retry: error?.retry, detail: error?.message });
      return;
    }
    this.#feed({ type: "token" });
  }

  #address(attempt) {
    const cursor = this.#chats.get(this.#entryChat)?.cursor;
    return attemptUrl(this.#url, { tenant: this.#options.tenant, attempt, after: cursor?.seq, rev: cursor?.rev });
  }

  #open() {
    this.#attemptId = uuid();
    const address = this.#address(this.#attemptId);
    let socket;
    try {
      socket = new this.#options.WebSocket(address, ["charla.v1", `bearer.${this.#token}`]);
    } catch (error) {
      // A page from https may not open ws:, and a token that is no token fits no sub-protocol.
      const cause = error?.name === "SecurityError" ? "mixed_content" : "token_malformed";
      queueMicrotask(() => this.#feed({ type: "closed", code: 4000, reason: cause }));
      return;
    }
    this.#socket = socket;
    const mine = (handle) => (event) => socket === this.#socket && handle(event);
    socket.addEventListener("message", mine((event) => this.#received(event.data)));
    socket.addEventListener("close", mine((event) => {
      this.#socket = null;
      this.#feed({ type: "closed", code: event.code, reason: event.reason });
    }));
  }

  #shut(code, reason) {
    const socket = this.#socket;
    this.#socket = null;
    // Browsers accept 1000 and 3000 to 4999 here.
    socket?.close(code, reason);
  }

  async #preflight() {
    const { fetch, now } = this.#options;
    const online = globalThis.navigator?.onLine !== false;
    const problem = await diagnose(this.#address(this.#attemptId), { token: this.#token, fetch, online }).catch(() => null);
    this.#report.push({ at: now(), preflight: problem });
    this.#feed({ type: "named", problem });
  }

  #received(data) {
    this.#feed({ type: "heard" });
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    if (Object.hasOwn(this.#frames, frame?.type)) this.#frames[frame.type](frame);
  }

  #deliver(cursor, message) {
    const { deliver, missing } = cursor.accept(message);
    for (const each of deliver) this.#emit("message", each);
    if (!missing) return;
    const { chat } = message;
    const fill = (messages) => {
      for (const each of cursor.fill(messages)) this.#emit("message", { chat, ...each });
    };
    this.history(chat, missing).then(
      (page) => fill(page.messages),
      // Without a connection the next subscription brings what is missing.
      (error) => error.cause !== "connection_lost" && fill([]),
    );
  }

  #refused(frame) {
    const problem = { ...frame, retryInMs: frame.retry_in_ms };
    if (frame.id !== undefined && this.#outbox.has(frame.id)) return this.#sendRefused(frame.id, problem);
    if (!this.#requests.settle(frame, new CharlaError(problem))) this.#emit("refused", frame);
    return undefined;
  }

  #sendRefused(id, problem) {
    if (problem.retry === "backoff" || problem.retry === "wait") {
      this.#outbox.postpone(id, this.#options.now() + (problem.retryInMs ?? RESEND_AFTER_MS));
      this.#flushLater(problem.retryInMs ?? RESEND_AFTER_MS);
      return;
    }
    this.#outbox.remove(id);
    this.#promises.get(id)?.reject(new CharlaError(problem));
    this.#promises.delete(id);
    this.#flush();
  }

  #askSubscription(chat, subscription) {
    const { seq, rev } = subscription.cursor;
    const from = { ...(seq === null ? {} : { after: seq }), ...(rev === null ? {} : { rev }) };
    this.#request({ type: "subscribe", chat, ...from }).catch((error) => {
      if (error.cause === "connection_lost") return;
      if (error.retry === "backoff" || error.retry === "wait") {
        setTimeout(() => {
          if (this.connected && this.#chats.get(chat) === subscription) this.#askSubscription(chat, subscription);
        }, error.retryInMs ?? RESEND_AFTER_MS);
        return;
      }
      this.#chats.delete(chat);
      for (const { reject } of subscription.waiters.splice(0)) reject(error);
      this.#strand(chat, error);
    });
  }

  /** The chat let us in no more, so nothing that was written for it ever goes out. */
  #strand(chat, { cause, retry }) {
    if (retry !== "stop") return;
    for (const { id } of this.#outbox.removeChat(chat)) this.#giveUp(id, cause);
  }

  /** A new token for the same user, before the old one runs out. If it fails, the server closes and says so. */
  async #renew() {
    if (this.#refreshing) return;
    this.#refreshing = true;
    try {
      this.#token = await this.#options.token({ refused: null, expiring: true });
      await this.#request({ type: "refresh", token: this.#token });
    } catch (error) {
      this.#report.push({ at: this.#options.now(), refreshFailed: String(error?.cause ?? error?.name) });
    } finally {
      this.#refreshing = false;
    }
  }

  #flush() {
    if (!this.connected) return;
    const now = this.#options.now();
    for (const entry of this.#outbox.expire(now)) this.#giveUp(entry.id, "outbox_expired");
    for (const { id, chat, text, data } of this.#outbox.take(now, (chat) => this.#entered.has(chat))) {
      this.#transmit({ type: "send", chat, id, text, ...(data === undefined ? {} : { data }) });
    }
  }

  #flushLater(delayMs) {
    clearTimeout(this.#resendTimer);
    this.#resendTimer = setTimeout(() => this.#flush(), delayMs + 1);
  }

  #giveUp(id, cause) {
    this.#promises.get(id)?.reject(new CharlaError({ cause, retry: "stop" }));
    this.#promises.delete(id);
  }

  #handBack(cause) {
    for (const { id } of this.#outbox.drain()) this.#giveUp(id, cause);
    for (const { waiters } of this.#chats.values()) {
      for (const { reject } of waiters.splice(0)) reject(new CharlaError({ cause, retry: "stop" }));
    }
  }

  /** @returns {Promise<any>} */
  #request(frame) {
    if (!this.connected) return Promise.reject(lost());
    return this.#requests.ask(frame, (numbered) => this.#transmit(numbered));
  }

  #transmit(frame) {
    const OPEN = 1;
    if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
