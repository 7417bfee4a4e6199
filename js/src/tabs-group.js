/**
 * @file One tab among those of its name: who leads, how to reach them, and what to do when they are gone.
 *
 * Knows nothing of chats. Whatever the leader's client tells comes to the [`Member`]; whatever the tab wants
 * of it goes through `call`. A call dies with its leader; the member is told who follows, and asks again.
 */
import { uuid } from "./address.js";
import { CharlaError } from "./error.js";
import { watchPage } from "./page.js";
import { lost } from "./requests.js";
import { Election } from "./tabs-election.js";
import { Leader } from "./tabs-leader.js";

/** A leader that was silent for this long is asked whether it is there. */
const SILENT_MS = 15_000;
/** And if it owes an answer, after this. */
const ASK_AFTER_MS = 1_000;
/** A leader that does not answer for this long is frozen, and is deposed. */
const ANSWER_WITHIN_MS = 5_000;
/** Our own timer came so much too late that the silence was ours. */
const OWN_SLEEP_MS = 2_000;

/**
 * @typedef {import("./state.js").State} State
 * @typedef {import("./frames.js").Welcome} Welcome
 *
 * @typedef {object} Member
 * @property {(type: string, detail: any) => void} event What the one client told.
 * @property {(state: State, welcome: Welcome | null) => void} follow Somebody leads as of now.
 *
 * @typedef {object} Browser
 * @property {LockManager | undefined} locks
 * @property {typeof BroadcastChannel | undefined} BroadcastChannel
 * @property {() => number} now
 *
 * @typedef {{from: string} & (
 *   | {kind: "hello", visible: boolean}
 *   | {kind: "seen", visible: boolean}
 *   | {kind: "bye"}
 *   | {kind: "leads", term: number, state: State, welcome: Welcome | null}
 *   | {kind: "event", term: number, type: string, detail: any}
 *   | {kind: "call", term: number, n: number, method: string, args: any[]}
 *   | {kind: "answer", to: string, n: number, value?: any, problem?: Problem}
 * )} Message What tabs say to each other.
 *
 * @typedef {{cause: string, retry: import("./closes.js").Retry, detail?: string, retryInMs?: number}} Problem
 */

export class Group {
  #id = uuid();
  #name;
  #options;
  #browser;
  #member;
  /** @type {BroadcastChannel | null} */
  #channel = null;
  /** @type {Election | null} */
  #election = null;
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
  #calls = new Map();
  #lastCall = 0;
  #heardAt = 0;
  /** When we asked whether anybody leads; null once we know. @type {number | null} */
  #askedAt = null;
  /** When the watchdog looks next. */
  #due = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #watchdog;
  /** @type {(() => void)[]} */
  #undo = [];
  /** Tabs whose end we wait for. @type {Set<string>} */
  #met = new Set();
  #joined = false;
  /** Who leads: the higher number is the later one. 0 while nobody is known. */
  term = 0;
  /** Ours, while this tab leads. @type {Leader | null} */
  leader = null;

  /**
   * @param {string} name
   * @param {import("./client.js").Options} options
   * @param {Browser} browser
   * @param {Member} member
   */
  constructor(name, options, browser, member) {
    this.#name = `charla:${name}`;
    this.#options = options;
    this.#browser = browser;
    this.#member = member;
  }

  join() {
    const { locks, BroadcastChannel: Channel } = this.#browser;
    this.#joined = true;
    // Alone, there is nobody to wait for.
    if (!locks || !Channel) return this.#lead();
    const channel = new Channel(this.#name);
    channel.onmessage = ({ data }) => this.#hear(data);
    this.#channel = channel;
    this.#election = new Election(this.#name, locks, { elected: () => this.#lead(), deposed: () => this.#deposed() });
    this.#undo.push(watchPage((type) => this.#page(type), () => {}), this.#live(locks));
    this.#election.stand();
    return this.#greet();
  }

  /** The others go on: if this one led, another takes over. */
  leave() {
    this.#joined = false;
    clearTimeout(this.#watchdog);
    for (const undo of this.#undo.splice(0)) undo();
    this.#stepDown();
    this.#post({ from: this.#id, kind: "bye" });
    this.#channel?.close();
    this.#channel = null;
    this.#election?.resign();
    this.#election = null;
    this.term = 0;
    this.#dropCalls();
  }

  /**
   * Asks the leader, whoever it is.
   * @param {string} method
   * @param {any[]} args
   * @returns {Promise<any>} Rejects with `connection_lost` when the leader goes before it has answered.
   */
  async call(method, args) {
    const { leader } = this;
    if (leader) {
      try {
        return await leader.serve(this.#id, { method, args });
      } catch (error) {
        // Refused by our own stepping down, and not by the server.
        throw leader === this.leader ? error : lost();
      }
    }
    if (this.term === 0) throw lost();
    return new Promise((resolve, reject) => {
      this.#lastCall += 1;
      const n = this.#lastCall;
      this.#calls.set(n, { resolve, reject });
      this.#post({ from: this.#id, kind: "call", term: this.term, n, method, args });
      // One that answers at once is there; one that does not is worth the question now, and not at the next round.
      if (this.#askedAt === null && this.#due > this.#browser.now() + ASK_AFTER_MS) this.#watch(ASK_AFTER_MS);
    });
  }

  #lead() {
    if (!this.#joined || this.leader) return;
    const term = Math.max(this.#browser.now(), this.term + 1);
    const leader = new Leader(this.#options, (type, detail) => {
      this.#post({ from: this.#id, kind: "event", term, type, detail });
      this.#member.event(type, detail);
    });
    this.leader = leader;
    this.term = term;
    leader.sees(this.#id, isVisible());
    leader.client.connect();
    this.#announce();
    this.#follow(term, leader.client.state, leader.client.welcome);
  }

  #announce() {
    if (!this.leader) return;
    const { state, welcome } = this.leader.client;
    this.#post({ from: this.#id, kind: "leads", term: this.term, state, welcome });
  }

  /** Another tab found us silent: we slept. It has the connection now. */
  #deposed() {
    this.#stepDown();
    this.#election?.stand();
    this.#greet();
  }

  #stepDown() {
    const { leader } = this;
    this.leader = null;
    leader?.stop();
  }

  /** @param {number} term @param {State} state @param {Welcome | null} welcome */
  #follow(term, state, welcome) {
    this.term = term;
    this.#dropCalls();
    this.#member.follow(state, welcome);
  }

  #dropCalls() {
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const { reject } of calls) reject(lost());
  }

  /** @param {Message} message */
  #hear(message) {
    const { from } = message;
    switch (message.kind) {
      case "leads":
        return this.#hearLeader(message);
      case "event":
        // Its announcement escaped us.
        if (message.term > this.term) this.#greet();
        if (message.term !== this.term) return undefined;
        this.#heardAt = this.#browser.now();
        return this.#member.event(message.type, message.detail);
      case "answer":
        if (message.to !== this.#id) return undefined;
        this.#heardAt = this.#browser.now();
        return this.#answered(message);
      case "call":
        return void this.#serve(message);
      case "hello":
        this.#meet(from);
        this.leader?.sees(from, message.visible);
        return this.#announce();
      case "seen":
        return this.leader?.sees(from, message.visible);
      case "bye":
        return this.leader?.forget(from);
    }
  }

  /** @param {Extract<Message, {kind: "leads"}>} message */
  #hearLeader({ term, state, welcome }) {
    if (term < this.term) return;
    this.#heardAt = this.#browser.now();
    if (term === this.term) return;
    // Our office was taken while we slept; the lock will say so too.
    this.#stepDown();
    this.#follow(term, state, welcome);
    // To open another tab is to load the page once more: so ends what a client gave up.
    if (state.name === "disabled") this.call("connect", []).catch(() => {});
  }

  /** @param {Extract<Message, {kind: "call"}>} call */
  async #serve({ from, term, n, method, args }) {
    const { leader } = this;
    if (!leader || term !== this.term) return;
    this.#meet(from);
    /** @type {{value?: any, problem?: Problem}} */
    const answer = {};
    try {
      answer.value = await leader.serve(from, { method, args });
    } catch (/** @type {any} */ { cause = "internal_error", retry = "stop", retryInMs, detail, message }) {
      answer.problem = { cause, retry, retryInMs, detail: detail ?? message };
    }
    if (leader === this.leader) this.#post({ from: this.#id, kind: "answer", to: from, n, ...answer });
  }

  /** @param {Extract<Message, {kind: "answer"}>} answer */
  #answered({ n, value, problem }) {
    const call = this.#calls.get(n);
    this.#calls.delete(n);
    if (problem) call?.reject(new CharlaError(problem.cause, problem.retry, problem));
    else call?.resolve(value);
  }

  /** A lock of our own, held for life: whoever is given it knows that this tab is gone. @param {LockManager} locks */
  #live(locks) {
    let end = () => {};
    const life = new Promise((resolve) => (end = () => resolve(undefined)));
    locks.request(this.#lifeOf(this.#id), () => life).catch(() => {});
    return () => end();
  }

  /** @param {string} id */
  #lifeOf(id) {
    return `${this.#name}/${id}`;
  }

  /** Learns of the end of a tab that cannot say good-bye. @param {string} id */
  #meet(id) {
    const { leader } = this;
    if (!leader || this.#met.has(id)) return;
    this.#met.add(id);
    const gone = () => {
      this.#met.delete(id);
      this.leader?.forget(id);
    };
    this.#browser.locks?.request(this.#lifeOf(id), gone).catch(() => {});
  }

  /** @param {string} type */
  #page(type) {
    if (type !== "visible" && type !== "hidden" && type !== "resumed") return;
    this.#post({ from: this.#id, kind: "seen", visible: isVisible() });
    this.leader?.sees(this.#id, isVisible());
    if (type !== "hidden") this.#greet();
  }

  /** Asks whoever leads to say so. */
  #greet() {
    if (!this.#channel) return;
    this.#askedAt = this.#browser.now();
    this.#post({ from: this.#id, kind: "hello", visible: isVisible() });
    this.#watch(ANSWER_WITHIN_MS);
  }

  /** Sees to it that somebody leads. @param {number} delayMs */
  #watch(delayMs) {
    clearTimeout(this.#watchdog);
    this.#due = this.#browser.now() + delayMs;
    this.#watchdog = setTimeout(() => {
      const now = this.#browser.now();
      const isOwnSleep = now - this.#due > OWN_SLEEP_MS;
      const asked = this.#askedAt;
      this.#askedAt = null;
      // Whom nobody looks at takes nothing from anybody.
      if (this.leader || !isVisible()) return this.#watch(SILENT_MS);
      if (asked !== null && this.#heardAt < asked && !isOwnSleep) {
        this.#election?.seize();
        return this.#watch(SILENT_MS);
      }
      if (this.#calls.size > 0 || now - this.#heardAt >= SILENT_MS || isOwnSleep) return this.#greet();
      return this.#watch(SILENT_MS);
    }, delayMs);
  }

  /** @param {Message} message */
  #post(message) {
    this.#channel?.postMessage(message);
  }
}

/** Workers and Node are never hidden. */
function isVisible() {
  return globalThis.document?.visibilityState !== "hidden";
}
