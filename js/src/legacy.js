/**
 * @file A client for a chat server that is not Charla: any JSON in, any JSON out, over the same [`Link`].
 *
 * Made to take the place of a hook or class that reconnects by hand, against Django Channels and its like. The
 * limits are the client's own: 15 attempts, a new token between cycles, `disabled` with a cause. What it cannot
 * promise is what such servers do not have: no acknowledgement, so no send is ever repeated; no resume; no ping,
 * so a silent line is believed.
 */
import { withParameters } from "./address.js";
import { diagnosePlain } from "./diagnose-plain.js";
import { CharlaError } from "./error.js";
import { Link } from "./link.js";

/** What waits for a connection; beyond it sends are refused. */
const WAITING_MAX = 100;
/** What waited longer is handed back: nobody wants to have said it by then. */
const WAITING_MAX_MS = 60_000;

/**
 * @typedef {object} OwnOptions
 * @property {string | URL} url
 * @property {import("./link.js").TokenSource} token
 * @property {string} [tenant] Goes into the address as `tenant=`.
 * @property {"query" | "protocol"} [tokenIn] In the address as `?token=`, as Channels' middleware mostly has it, or
 *   as the sub-protocols `jwt, <token>`: those are in no log.
 * @property {Partial<import("./policy.js").Policy>} [policy]
 * @typedef {OwnOptions & import("./link.js").World} Options
 *
 * @typedef {object} Events
 * @property {any} message What came in, parsed; text that is no JSON as text.
 * @property {import("./state.js").State & {previous: string}} state
 * @property {import("./link.js").Note} trace
 *
 * @typedef {{text: string, queuedAt: number, resolve: () => void, reject: (error: Error) => void}} Waiting
 */

/** Tells its events (see [`Events`]) through `on(type, listener)`, or as `detail` through `addEventListener`. */
export class LegacySocket extends EventTarget {
  #link;
  #now;
  /** @type {Waiting[]} */
  #waiting = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {Options} options */
  constructor({ tenant, tokenIn = "query", ...options }) {
    super();
    const inQuery = tokenIn === "query";
    this.#now = options.now ?? Date.now;
    this.#link = new Link({
      ...options,
      address: (url, { token }) => withParameters(url, { token: inQuery ? token : null, tenant }),
      protocols: (token) => (inQuery ? [] : ["jwt", token]),
      // There is no welcome: that it stays open is all that can be asked of it.
      opened: () => {
        this.#link.welcomed({ heartbeatMs: 0 });
        this.#flush();
      },
      hears: (data) => this.#emit("message", parsed(data)),
      diagnose: diagnosePlain,
      changed: (state, { name: previous }) => {
        if (state.name === "disabled" || state.name === "closed") this.#handBack(state.cause ?? state.name);
        this.#emit("state", { ...state, previous });
      },
      noted: (note) => this.#emit("trace", note),
    });
  }

  get state() {
    return this.#link.state;
  }

  get connected() {
    return this.#link.connected;
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

  /** Connects; after a stop or while waiting: at once, with a fresh budget. */
  connect() {
    this.#link.connect();
    return this;
  }

  /** Ends the connection for good. What still waits is handed back as refused. */
  close() {
    this.#link.close();
  }

  /**
   * @param {any} value Anything that JSON can carry.
   * @returns {Promise<void>} Resolves when an open socket took it: whether it arrived, such a server does not say.
   */
  send(value) {
    const promise = this.#accept(JSON.stringify(value));
    // Most callers of such a function never look at what it returns; the trace has it.
    promise.catch(() => {});
    return promise;
  }

  /** What happened last, without tokens: paste it where somebody looks for the cause. */
  report() {
    return this.#link.report({ unacknowledged: this.#waiting.length });
  }

  /** @param {string} text @returns {Promise<void>} */
  #accept(text) {
    if (this.#waiting.length === 0 && this.#link.send(text)) return Promise.resolve();
    const { name, cause } = this.state;
    return new Promise((resolve, reject) => {
      /** @type {Waiting} */
      const one = { text, queuedAt: this.#now(), resolve, reject };
      if (name === "disabled" || name === "closed") return this.#drop(one, cause ?? name);
      if (this.#waiting.length >= WAITING_MAX) return this.#drop(one, "outbox_full");
      this.#waiting.push(one);
      return this.#expireLater();
    });
  }

  #flush() {
    while (this.#waiting.length > 0 && this.#link.send(this.#waiting[0].text)) this.#waiting.shift()?.resolve();
    this.#expireLater();
  }

  #expireLater() {
    clearTimeout(this.#timer);
    const [oldest] = this.#waiting;
    if (!oldest) return;
    this.#timer = setTimeout(() => {
      const end = this.#now() - WAITING_MAX_MS;
      while (this.#waiting.length > 0 && this.#waiting[0].queuedAt <= end) this.#drop(this.#waiting.shift(), "outbox_expired");
      this.#expireLater();
    }, oldest.queuedAt + WAITING_MAX_MS - this.#now());
  }

  /** @param {string} cause */
  #handBack(cause) {
    clearTimeout(this.#timer);
    for (const one of this.#waiting.splice(0)) this.#drop(one, cause);
  }

  /** @param {Waiting | undefined} one @param {string} cause */
  #drop(one, cause) {
    this.#link.note("drop", { what: "send", cause });
    one?.reject(new CharlaError(cause));
  }

  /** @param {string} type @param {any} detail */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** @param {any} data */
function parsed(data) {
  try {
    return JSON.parse(data);
  } catch {
    return data;
  }
}
