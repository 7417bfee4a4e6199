/**
 * @file One connection and what becomes of it: the shell around the reconnect machine.
 *
 * The machine decides, this carries out: it owns the socket, one timer, the token, the preflight and the
 * page's events, and notes down all that happens. It knows no frames: whoever speaks a protocol over it
 * gets every message, and says when the other side has welcomed it. No note ever holds a token.
 */
import { redacted, socketUrl, uuid, withParameters } from "./address.js";
import { diagnose } from "./diagnose.js";
import { deadline, machine, step } from "./machine.js";
import { watchPage } from "./page.js";

/** Notes kept for `report()`. */
const NOTES = 200;
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
 *   Called once per cycle, never per attempt. Throw an error with `retry: "stop"` when there will be no other token.
 *
 * @typedef {object} World What tests, workers and Node hand in; in a page there is nothing to say.
 * @property {typeof WebSocket} [WebSocket]
 * @property {typeof fetch} [fetch]
 * @property {() => number} [now] Milliseconds since 1970.
 * @property {() => number} [random] From 0 to below 1.
 * @property {Pick<Storage, "getItem" | "setItem" | "removeItem"> | null} [storage] Where a tab counts its
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
 * @property {typeof diagnose | null} [diagnose] Asks for the cause behind a 1006; null for servers that know no preflight.
 * @property {(state: State, previous: State) => void} [changed]
 * @property {(note: Note) => void} [noted]
 *
 * @typedef {{url: string | URL, token: TokenSource, policy?: Partial<Policy>} & World & Dialect} LinkOptions
 *
 * @typedef {{at: number} & (
 *   | {kind: "token", phase: "asked" | "arrived" | "failed", cycle: number, cycles: number, inBand: boolean, cause?: string}
 *   | {kind: "socket", phase: "opening" | "opened" | "error" | "closed", url: string, attempt: number, total: number, code?: number, reason?: string}
 *   | ({kind: "state", previous: string} & State)
 *   | {kind: "preflight", phase: "asked" | "answered", status: number | null, problem: Problem | null}
 *   | {kind: "page", event: string}
 *   | {kind: "drop", what: string, id: string, chat?: string, cause: string}
 *   | {kind: "gap", chat: string, before: number, limit: number}
 * )} Note One line of the trace.
 *
 * @typedef {object} Outage What the other side should hear of once it is back.
 * @property {string | null} cause
 * @property {number} code
 * @property {number} attempts
 * @property {number} away_ms
 *
 * @typedef {object} Report Ready to be pasted into `charla explain`.
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
  #machine;
  /** @type {any[]} Events that wait for the one being handled, which stands in front. */
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
  /** The page's content policy stopped us. */
  #blocked = false;
  /** @type {{since: number, opened: number, cause: string | null, code: number} | null} */
  #outage = null;
  #opened = 0;
  /** @type {string | null} The server's name for the present connection, for the report. */
  session = null;

  /** @param {LinkOptions} options */
  constructor(options) {
    this.#dialect = {
      WebSocket: globalThis.WebSocket,
      fetch: globalThis.fetch,
      now: Date.now,
      random: Math.random,
      storage: tabStorage(),
      protocols: () => [],
      address: (url, { attempt }) => withParameters(url, { attempt }),
      diagnose,
      watchPage,
      ...options,
    };
    this.url = socketUrl(options.url);
    this.#machine = machine(options.policy);
  }

  get state() {
    return this.#machine.state;
  }

  get connected() {
    return this.state.name === "connected";
  }

  /** Connects; after a stop or while waiting: at once, with a fresh budget. */
  connect() {
    const first = !this.#unwatch;
    this.#unwatch ??= this.#dialect.watchPage((type) => this.#page(type), (uri) => this.#violation(uri));
    this.#feed({ type: "connect", ...(first ? { carried: this.#carried() } : {}) });
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
   * @param {{heartbeatMs?: number, tokenExpiresInMs?: number, session?: string}} [said]
   * @returns {Outage | null} What had been amiss before.
   */
  welcomed({ session = "", ...said } = {}) {
    this.session = session;
    this.#feed({ type: "welcomed", ...said });
    const outage = this.#outage;
    this.#outage = null;
    if (!outage) return null;
    const { cause, code, since, opened } = outage;
    return { cause, code, attempts: this.#opened - opened, away_ms: Math.round(this.#dialect.now() - since) };
  }

  /** The server says that the token is about to run out. @param {number} [tokenExpiresInMs] */
  expiring(tokenExpiresInMs) {
    this.#feed({ type: "expiring", tokenExpiresInMs });
  }

  /**
   * Writes a line of the trace. Nothing that looks like a token gets into it.
   * @param {string} kind
   * @param {object} fields
   */
  note(kind, fields) {
    const note = { at: this.#dialect.now(), kind, ...fields };
    const clean = JSON.parse(JSON.stringify(note, (_, value) => (typeof value === "string" ? redacted(value, this.#token) : value)));
    this.#notes.push(clean);
    if (this.#notes.length > NOTES) this.#notes.shift();
    this.#dialect.noted?.(clean);
  }

  /** @param {object} [more] What the dialect adds to `now`. @returns {Report} */
  report(more) {
    return {
      charla_report: 1,
      at: new Date(this.#dialect.now()).toISOString(),
      url: this.url.origin + this.url.pathname,
      agent: globalThis.navigator?.userAgent ?? null,
      session: this.session,
      policy: this.#machine.policy,
      now: { ...this.state, ...more },
      notes: [...this.#notes],
    };
  }

  /** One at a time: what a listener asks for waits until the effects of what it listens to are carried out. */
  #feed(event) {
    if (this.#events.push(event) > 1) return;
    for (; this.#events.length > 0; this.#events.shift()) this.#step(this.#events[0]);
    clearTimeout(this.#timer);
    const at = deadline(this.#machine);
    if (at === null) return;
    const delayMs = Math.min(at - this.#dialect.now(), LONGEST_TIMER_MS);
    this.#timer = setTimeout(() => this.#feed({ type: "wake" }), Math.max(delayMs, 0));
  }

  #step(event) {
    const { now, random } = this.#dialect;
    const { state } = this;
    const { machine: next, effects } = step(this.#machine, event, { now: now(), random });
    this.#machine = next;
    if (next.state !== state) this.#changed(state);
    for (const effect of effects) this.#effects[effect.type](effect);
  }

  #changed(previous) {
    const { state } = this;
    const { name, cause, code } = state;
    this.note("state", { previous: previous.name, ...state });
    if (name !== "connected" && name !== "closed" && (code !== null || previous.name === "connected")) {
      this.#outage ??= { since: this.#dialect.now(), opened: previous.name === "connected" ? this.#opened : 0, cause, code };
      if (cause) Object.assign(this.#outage, { cause, code });
    }
    this.#dialect.changed?.(state, previous);
  }

  /** What the machine asks for. */
  #effects = {
    token: ({ refused, inBand }) => this.#askToken(refused, inBand),
    open: () => this.#open(),
    shut: ({ code, reason }) => this.#shut(code, reason),
    ping: () => this.#dialect.ping?.(),
    preflight: () => this.#preflight(),
    renew: () => this.#renew(),
    remember: ({ spent }) => this.#remember(spent),
  };

  async #askToken(refused, inBand) {
    const { cycle, policy } = this.#machine;
    const say = (phase, more) => this.note("token", { phase, cycle, cycles: policy.cycles, inBand, ...more });
    say("asked");
    try {
      this.#token = await this.#dialect.token({ refused, expiring: inBand });
    } catch (error) {
      const { cause, retry, message: detail } = error ?? {};
      say("failed", { cause, detail });
      this.#feed({ type: "tokenFailed", cause, retry, detail });
      return;
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
    const address = this.#address();
    const { attempt, spent: total } = this.#machine;
    const say = (phase, more) => this.note("socket", { phase, url: address.href, attempt, total, ...more });
    const closed = (code, reason) => {
      this.#socket = null;
      say("closed", { code, reason });
      this.#feed({ type: "closed", code, reason });
    };
    say("opening");
    let socket;
    try {
      socket = new this.#dialect.WebSocket(address, this.#dialect.protocols(this.#token));
    } catch (error) {
      say("error", { reason: error?.name });
      // A token that is no token fits no sub-protocol; all else that is thrown here is the page's policy.
      if (error?.name === "SyntaxError") return queueMicrotask(() => closed(4401, "token_malformed"));
      this.#blocked = true;
      return queueMicrotask(() => closed(1006, ""));
    }
    this.#socket = socket;
    const on = (type, handle) => socket.addEventListener(type, (event) => socket === this.#socket && handle(event));
    on("open", () => {
      say("opened");
      this.#feed({ type: "opened" });
      this.#dialect.opened?.();
    });
    on("message", ({ data }) => {
      this.#feed({ type: "heard" });
      this.#dialect.hears(data);
    });
    on("error", () => say("error"));
    on("close", ({ code, reason }) => closed(code, reason));
  }

  #shut(code, reason) {
    const socket = this.#socket;
    this.#socket = null;
    if (socket) this.note("socket", { phase: "closed", code, reason, byUs: true });
    // Browsers accept 1000 and 3000 to 4999 here.
    socket?.close(code, reason);
  }

  async #preflight() {
    const { diagnose, fetch } = this.#dialect;
    this.note("preflight", { phase: "asked" });
    const nothing = { status: null, problem: null };
    const answer = diagnose
      ? await diagnose(this.#address(), { token: this.#token, fetch, blocked: () => this.#blocked }).catch(() => nothing)
      : nothing;
    this.note("preflight", { phase: "answered", ...answer });
    this.#feed({ type: "named", problem: answer.problem });
  }

  async #renew() {
    try {
      const tokenExpiresInMs = await this.#dialect.renew?.(this.#token);
      this.#feed({ type: "renewed", tokenExpiresInMs });
    } catch (error) {
      this.#feed({ type: "renewFailed", cause: error?.cause });
    }
  }

  #page(type) {
    this.note("page", { event: type });
    this.#feed({ type });
  }

  /** @param {string} uri What the page's content policy kept it from. Some browsers tell the scheme alone. */
  #violation(uri) {
    const { origin, protocol } = this.url;
    if (uri.startsWith(origin) || uri === protocol.slice(0, -1)) this.#blocked = true;
  }

  get #key() {
    return `charla:${this.url.origin}${this.url.pathname}`;
  }

  /** Attempts that earlier loads of this tab spent in vain. */
  #carried() {
    try {
      return Number(this.#dialect.storage?.getItem(this.#key)) || 0;
    } catch {
      return 0;
    }
  }

  #remember(spent) {
    try {
      this.#dialect.storage?.setItem(this.#key, String(spent));
    } catch {
      // A page that may store nothing counts within one load only.
    }
  }
}

/** Absent in Node and workers; and pages in a sandbox may not even look. */
function tabStorage() {
  try {
    return globalThis.sessionStorage ?? null;
  } catch {
    return null;
  }
}
