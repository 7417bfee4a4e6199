/**
 * @file One connection and what becomes of it: the shell around the reconnect machine.
 *
 * The machine decides, this carries out: it owns the socket, one timer, the token, the preflight and the
 * page's events, and notes down all that happens. It knows no frames: whoever speaks a protocol over it
 * gets every message, and says when the other side has welcomed it. No note ever holds a token.
 */
import { redacted, socketUrl, steady, uuid, withParameters } from "./address.js";
import { retryOf } from "./closes.js";
import { deadline, machine, step } from "./machine.js";
import { watchPage } from "./page.js";

/** Notes kept for `report()`. */
const NOTES = 200;
/** Browsers end the connections of a page that they freeze, and tell it when it wakes. @type {Problem} */
const FROZEN = { cause: "page_frozen", code: 1006, retry: "resume" };
/** From waking to the news of what had ended. */
const WAKING_MS = 1_000;
/** Longer than this no timer can be set; it then wakes us early, which harms nothing. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * @typedef {import("./state.js").State} State
 * @typedef {import("./policy.js").Policy} Policy
 * @typedef {import("./closes.js").Problem} Problem
 * @typedef {import("./closes.js").Retry} Retry
 *
 * @typedef {object} Why Why a token is asked for.
 * @property {string | null} refused The cause for which the server refused the last one.
 * @property {boolean} expiring The last one is about to run out: the new one goes in over the living connection.
 *
 * @typedef {(why: Why) => string | Promise<string>} TokenSource
 *   Once it has answered, called at most once a cycle, never per attempt; one that fails is asked again with each attempt. Throw an error with `retry: "stop"` when there will be no other token.
 *
 * @typedef {object} World What tests, workers and Node hand in; in a page there is nothing to say.
 * @property {typeof WebSocket} [WebSocket]
 * @property {typeof fetch} [fetch]
 * @property {() => number} [now] Milliseconds since 1970.
 * @property {() => number} [random] From 0 to below 1.
 * @property {Pick<Storage, "getItem" | "setItem"> | null} [storage] Where a tab counts its
 *   attempts from one load to the next; `sessionStorage` by default.
 * @property {typeof watchPage} [watchPage] How the page is watched.
 *
 * @typedef {object} Dialect The protocol spoken over the connection.
 * @property {(data: any) => void} hears A message came in.
 * @property {(token: string) => string[]} [protocols] Sub-protocols to offer.
 * @property {(url: URL, attempt: {attempt: string, token: string}) => URL} [address] The socket's address for
 *   this attempt. By default the attempt's id is added, and the token is not.
 * @property {() => void} [opened] The socket is open. A dialect without a welcome calls `welcomed()` now.
 * @property {() => void} [ping] Provokes some answer, whatever it is.
 * @property {(token: string) => Promise<number | undefined>} [renew] Hands a new token in over the living
 *   connection; resolves with its life in ms.
 * @property {typeof import("./diagnose.js").diagnose | null} [diagnose] Asks for the cause behind a 1006; null for servers
 *   that know no preflight.
 * @property {(state: State, previous: State) => void} [changed]
 * @property {(note: Note) => void} [noted]
 *
 * @typedef {{url: string | URL, token: TokenSource, policy?: Partial<Policy>} & World & Dialect} LinkOptions
 *
 * @typedef {{at: number} & (
 *   | {kind: "token", phase: "asked" | "arrived" | "failed", cycle: number, cycles: number, inBand: boolean, cause?: string, detail?: string, retry?: string}
 *   | {kind: "socket", phase: "opening" | "opened" | "error" | "closed", url: string, attempt: number, total: number,
 *      code?: number, reason?: string, byUs?: boolean}
 *   | ({kind: "state", previous: string} & State)
 *   | {kind: "preflight", phase: "asked" | "answered", status: number | null, problem: Problem | null}
 *   | {kind: "page", event: string}
 *   | {kind: "drop", what: string, id: string, chat?: string, cause: string, count?: number}
 *   | {kind: "queue", cause: string}
 *   | {kind: "gap", chat: string, before: number, limit: number}
 * )} Note One line of the trace.
 *
 * @typedef {object} Outage What the other side should hear of once it is back.
 * @property {string | null} cause
 * @property {number} code
 * @property {number} attempts
 * @property {number} away_ms
 *
 * @typedef {object} Report Ready to be pasted where somebody looks for the cause.
 * @property {1} charla_report
 * @property {string} at
 * @property {string} url Without parameters.
 * @property {string | null} agent
 * @property {string | null} session
 * @property {Policy} policy
 * @property {State & {spent: number, unacknowledged?: number}} now
 * @property {Note[]} notes
 */

export class Link {
  #dialect;
  #now;
  #machine;
  /** @type {{type: string, [field: string]: any}[]} Events that wait for the one being handled, which stands in front. */
  #events = [];
  /** @type {WebSocket | null} */
  #socket = null;
  #token = "";
  #attemptId = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {Note[]} */
  #notes = [];
  /** @type {(() => void) | null} */
  #unwatch = null;
  /** The page's own policy stopped us. */
  #blocked = false;
  /** The page is frozen, or woke a moment ago. */
  #frozenUntil = 0;
  /** When something last came over the last socket; null if it was never answered 101. @type {number | null} */
  #heardAt = null;
  #opened = 0;
  /** @type {{since: number, opened: number, cause: string | null, code: number | null} | null} */
  #outage = null;
  /** @type {Promise<typeof import("./diagnose.js").diagnose | null>} */
  #diagnose;
  /** @type {string | null} The server's name for the present connection, for the report. */
  session = null;

  /** @param {LinkOptions} options */
  constructor(options) {
    const { WebSocket, fetch } = globalThis;
    /** @type {NonNullable<Dialect["address"]>} */
    const address = (url, { attempt }) => withParameters(url, { attempt });
    this.#dialect = { WebSocket, fetch, now: Date.now, random: Math.random, address, watchPage, ...options };
    this.#now = steady(this.#dialect.now);
    this.url = socketUrl(options.url);
    this.#machine = machine(options.policy);
    // Loaded beside the first connection: once the network is gone it would be too late.
    const loaded = options.diagnose === undefined ? import("./diagnose.js").then((module) => module.diagnose) : options.diagnose;
    this.#diagnose = Promise.resolve(loaded).catch(() => null);
  }

  get state() {
    return this.#machine.state;
  }

  get connected() {
    return this.state.name === "connected";
  }

  /** Connects; after a stop or while waiting: at once, with a fresh budget. */
  connect() {
    if (!this.#dialect.WebSocket) throw new TypeError("no WebSocket here: hand one in");
    this.#unwatch ??= this.#dialect.watchPage((type) => this.#page(type), (uri) => this.#violation(uri));
    this.#feed({ type: "connect", carried: Number(this.#remembered()) || 0 });
  }

  /** Ends the connection for good. */
  close() {
    this.#feed({ type: "close" });
    this.#unwatch?.();
    this.#unwatch = null;
  }

  /** @param {string} text @returns {boolean} False when no open socket took it. */
  send(text) {
    const OPEN = 1;
    if (this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(text);
    return true;
  }

  /**
   * The other side has let us in.
   * @param {{heartbeatMs?: number, tokenExpiresInMs?: number, session?: string}} [said] `heartbeatMs` 0: it knows no ping.
   * @returns {Outage | null} What had been amiss before.
   */
  welcomed({ session, ...said } = {}) {
    this.session = session ?? null;
    this.#feed({ type: "welcomed", ...said });
    const outage = this.#outage;
    this.#outage = null;
    if (!outage) return null;
    const { cause, code, since, opened } = outage;
    return { cause: cause ?? "unknown", code: code ?? 1006, attempts: this.#opened - opened, away_ms: this.#now() - since };
  }

  /** The server says that the token is about to run out. @param {number} [tokenExpiresInMs] */
  expiring(tokenExpiresInMs) {
    this.#feed({ type: "expiring", tokenExpiresInMs });
  }

  /**
   * Writes a line of the trace.
   * @param {Note["kind"]} kind
   * @param {object} fields
   */
  note(kind, fields) {
    const note = this.#clean({ at: this.#now(), kind, ...fields });
    const notes = this.#notes;
    /** @type {any} */
    const last = notes.at(-1);
    // Drops in a row for one cause are kept as one: a flood of them must not wash away what led to it.
    if (kind === "drop" && last?.kind === kind && last.cause === note.cause) notes.splice(-1, 1, { ...last, count: (last.count ?? 1) + 1 });
    else if (notes.push(note) > NOTES) notes.shift();
    this.#dialect.noted?.(note);
  }

  /** @param {{unacknowledged?: number}} [more] What the dialect adds to `now`. @returns {Report} */
  report(more) {
    const { url, session } = this;
    return {
      charla_report: 1,
      at: new Date(this.#now()).toISOString(),
      url: url.origin + url.pathname,
      agent: globalThis.navigator?.userAgent ?? null,
      session,
      policy: this.#machine.policy,
      now: this.#clean({ ...this.state, ...more }),
      notes: [...this.#notes],
    };
  }

  /** @param {object} fields @returns {any} A copy in which nothing looks like a token. */
  #clean(fields) {
    return JSON.parse(JSON.stringify(fields, (_, value) => (typeof value === "string" ? redacted(value, this.#token) : value)));
  }

  /**
   * One at a time: what a listener asks for waits until the effects of what it listens to are carried out.
   * @param {{type: string, [field: string]: any}} event
   */
  #feed(event) {
    if (this.#events.push(event) > 1) return;
    for (; this.#events.length > 0; this.#events.shift()) this.#step(this.#events[0]);
    clearTimeout(this.#timer);
    const at = deadline(this.#machine);
    if (at === null) return;
    this.#timer = setTimeout(() => this.#feed({ type: "wake" }), Math.max(0, Math.min(at - this.#now(), LONGEST_TIMER_MS)));
  }

  /** @param {{type: string, [field: string]: any}} event */
  #step(event) {
    const { state } = this;
    const { machine: next, effects } = step(this.#machine, event, { now: this.#now(), random: this.#dialect.random });
    this.#machine = next;
    if (next.state !== state) this.#changed(state);
    for (const effect of effects) this.#effects[effect.type](effect);
  }

  /** @param {State} previous */
  #changed(previous) {
    const { state } = this;
    const { name, cause, code } = state;
    const wasUp = previous.name === "connected";
    this.note("state", { previous: previous.name, ...state });
    if (name !== "connected" && name !== "closed" && (code || wasUp)) {
      const outage = (this.#outage ??= { since: this.#now(), opened: wasUp ? this.#opened : 0, cause, code });
      if (cause) Object.assign(outage, { cause, code });
    }
    this.#dialect.changed?.(state, previous);
  }

  /** What the machine asks for. @type {Record<string, (effect: any) => void>} */
  #effects = {
    token: (effect) => this.#askToken(effect),
    open: () => this.#open(),
    shut: (effect) => this.#shut(effect),
    ping: () => this.#dialect.ping?.(),
    preflight: () => this.#preflight(),
    renew: () => this.#renew(),
    remember: ({ spent }) => this.#remembered(spent),
  };

  /** @param {{refused: string | null, inBand: boolean}} effect */
  async #askToken({ refused, inBand }) {
    const { cycle, policy } = this.#machine;
    /** @param {string} phase @param {object} [more] */
    const say = (phase, more) => this.note("token", { phase, cycle, cycles: policy.cycles, inBand, ...more });
    say("asked");
    try {
      const token = await this.#dialect.token({ refused, expiring: inBand });
      if (!token || typeof token !== "string") throw new TypeError(`token() gave ${token === "" ? "nothing" : typeof token}`);
      this.#token = token;
    } catch (/** @type {any} */ error) {
      const { cause, retry, message: detail } = error ?? {};
      const failure = { cause, detail, retry };
      say("failed", failure);
      return this.#feed({ type: "tokenFailed", ...failure });
    }
    say("arrived");
    this.#feed({ type: "token" });
  }

  #address() {
    return this.#dialect.address(this.url, { attempt: this.#attemptId, token: this.#token });
  }

  #open() {
    this.#attemptId = uuid();
    this.#opened += 1;
    const url = this.#address();
    const { attempt, total } = this.#machine;
    /** @param {string} phase @param {object} [more] */
    const say = (phase, more) => this.note("socket", { phase, url: url.href, attempt, total, ...more });
    /** @param {{code: number, reason: string}} close */
    const closed = ({ code, reason }) => {
      this.#socket = null;
      const close = { code, reason };
      say("closed", close);
      const isFrozen = code === 1006 && this.#heardAt && this.#now() < this.#frozenUntil;
      this.#feed(isFrozen ? { type: "failed", problem: FROZEN } : { type: "closed", ...close });
    };
    this.#heardAt = null;
    say("opening");
    try {
      this.#socket = new this.#dialect.WebSocket(url, this.#dialect.protocols?.(this.#token));
    } catch (/** @type {any} */ { name, message }) {
      say("error", { reason: message });
      // A token that is no token fits no sub-protocol; all else that is thrown here is the page's own policy.
      this.#blocked = name !== "SyntaxError";
      return closed(this.#blocked ? { code: 1006, reason: "" } : { code: 4401, reason: "token_malformed" });
    }
    const socket = this.#socket;
    /** @param {string} type @param {(event: any) => void} handle */
    const on = (type, handle) => socket.addEventListener(type, (event) => socket === this.#socket && handle(event));
    on("open", () => {
      say("opened");
      this.#heardAt = this.#now();
      this.#feed({ type: "opened" });
      this.#dialect.opened?.();
    });
    on("message", ({ data }) => {
      this.#heardAt = this.#now();
      this.#feed({ type: "heard" });
      this.#dialect.hears(data);
    });
    on("error", () => say("error"));
    on("close", closed);
  }

  /** @param {{code: number, reason: string}} how */
  #shut({ code, reason }) {
    const socket = this.#socket;
    if (!socket) return;
    this.#socket = null;
    this.note("socket", { phase: "closed", code, reason, byUs: true });
    // Browsers accept 1000 and 3000 to 4999 here.
    socket.close(code, reason);
  }

  async #preflight() {
    this.note("preflight", { phase: "asked" });
    const { fetch } = this.#dialect;
    const silentMs = this.#heardAt && this.#now() - this.#heardAt;
    const seen = { token: this.#token, fetch, silentMs, blocked: () => this.#blocked };
    const diagnose = await this.#diagnose;
    const { status = null, problem: found = null } = (await diagnose?.(this.#address(), seen).catch(() => null)) ?? {};
    const problem = found && { retry: retryOf(found.cause, found.code), ...found };
    this.note("preflight", { phase: "answered", status, problem });
    this.#feed({ type: "named", problem });
  }

  async #renew() {
    try {
      this.#feed({ type: "renewed", tokenExpiresInMs: await this.#dialect.renew?.(this.#token) });
    } catch {
      this.#feed({ type: "renewFailed" });
    }
  }

  /** @param {string} type */
  #page(type) {
    this.note("page", { event: type });
    if (type === "frozen") this.#frozenUntil = Infinity;
    if (type === "resumed") this.#frozenUntil = this.#now() + WAKING_MS;
    this.#feed({ type });
  }

  /** @param {string} uri What the page's content policy kept it from. Some browsers tell the scheme alone. */
  #violation(uri) {
    const { origin, protocol } = this.url;
    if (!uri.startsWith(origin) && uri + ":" !== protocol) return;
    this.#blocked = true;
    // Chromium fires an error for such a socket, and no close.
    if (this.state.name === "connecting") this.#socket?.dispatchEvent(new CloseEvent("close", { code: 1006 }));
  }

  /**
   * What this tab knows from one load to the next: attempts that were spent in vain. A page that may store
   * nothing (a sandbox, a worker, Node) counts within one load only.
   * @param {number} [spent] To be kept.
   */
  #remembered(spent) {
    const { origin, pathname } = this.url;
    const key = `charla:${origin}${pathname}`;
    try {
      const { storage = sessionStorage } = this.#dialect;
      return spent === undefined ? storage?.getItem(key) : storage?.setItem(key, String(spent));
    } catch {}
  }
}
