/**
 * @file The trace of a client as lines that a person reads in the console, in English or Spanish.
 *
 * A listener and nothing more: it decides nothing and keeps nothing but how often it saw a connection fail.
 * Lines are plain text, so that they stay whole when they are copied, saved or sent to a log service, and no
 * token is ever in one.
 */
import { CAUSE_TITLES } from "./cause-titles.js";
import { CAUSES } from "./causes.js";
import { DETAILS, LINES, NAMES, NEXT, OWN_TITLES } from "./console-words.js";

/**
 * @typedef {import("./console-words.js").Language} Language
 * @typedef {{at: number, kind: string, [field: string]: any}} Note One of a client's trace.
 * @typedef {"log" | "warn" | "error"} Level
 * @typedef {{level: Level, text: string}} Written
 * @typedef {{[level in Level]: (text: string) => void}} Console
 */

/**
 * Writes what the client goes through to the console.
 * @param {{on: (type: "trace", listener: (note: any) => void) => () => void}} client A `Charla`, or any of its kind.
 * @param {{lang?: Language, console?: Console}} [options]
 * @returns {() => void} Ends it.
 */
export function logTo(client, { lang = "en", console = globalThis.console } = {}) {
  const teller = new Teller(lang);
  return client.on("trace", (note) => {
    for (const { level, text } of teller.tell(note)) console[level](text);
  });
}

/** Turns notes into lines. */
export class Teller {
  #lang;
  /** Failures since the last connection. */
  #failures = 0;
  /** The wait that was told: a later note about the same wait only adds its cause. */
  #told = "";
  /** @type {string | null} */
  #toldCause = null;

  /** @param {Language} lang */
  constructor(lang) {
    this.#lang = lang;
  }

  /**
   * @param {Note} note
   * @returns {Written[]}
   */
  tell(note) {
    switch (note.kind) {
      case "token":
        return this.#token(note);
      case "socket":
        return this.#socket(note);
      case "state":
        return this.#state(note);
      case "drop":
        return this.#drop(note);
      default:
        return [];
    }
  }

  /** @param {Note} note @returns {Written[]} */
  #token({ phase, inBand, cycle, cycles, cause, detail, retry }) {
    if (phase === "asked") return [this.#line("log", inBand ? "renewing" : "token", { cycle, cycles })];
    if (phase !== "failed") return [];
    const named = cause ?? "token_unavailable";
    return [this.#line("error", "tokenFailed", { cause: named }), ...this.#cause("error", named, detail, retry === "stop" ? "stop" : undefined)];
  }

  /** @param {Note} note @returns {Written[]} */
  #socket({ phase, url, total, attempt, code, reason }) {
    const nth = { [NAMES.attempt[this.#lang]]: total ?? attempt };
    if (phase === "opening") return [this.#line("log", "opening", { object: shown({ url, ...nth }) })];
    if (phase === "error") return [this.#line("error", "error", { object: shown({ url, ...nth }) })];
    if (phase === "closed") return [this.#line("log", "closed", { object: shown({ code, reason, ...nth }) })];
    return [];
  }

  /** @param {Note} state @returns {Written[]} */
  #state(state) {
    if (state.name === "waiting") return this.#waiting(state);
    this.#told = "";
    this.#toldCause = null;
    if (state.name === "connected") {
      this.#failures = 0;
      return [this.#line("log", "connected", {})];
    }
    if (state.name !== "disabled") return [];
    const line = this.#line("error", state.exhausted ? "exhausted" : "stopped", { code: state.code });
    return [line, ...this.#cause("error", state.cause, state.detail, state.exhausted ? "over" : "stop")];
  }

  /** @param {Note} state @returns {Written[]} */
  #waiting({ previous, code, cause, detail, retryInMs, attempt, cycle, held }) {
    const wait = `${cycle}/${attempt}/${held}`;
    /** @type {Written[]} */
    const lines = [];
    if (wait !== this.#told) {
      const wasHeld = this.#told === `${cycle}/${attempt}/offline` || this.#told === `${cycle}/${attempt}/hidden`;
      const name = wasHeld && !held ? "back" : this.#waitingFor(previous, held);
      // After a pause the cause of the wait has been told, or is over.
      if (name !== "back") this.#toldCause = null;
      this.#told = wait;
      lines.push(this.#line("warn", name, { code, seconds: seconds(retryInMs) }));
    }
    if (!held && cause !== this.#toldCause) lines.push(...this.#cause("warn", cause, detail));
    this.#toldCause = cause;
    return lines;
  }

  /**
   * @param {string} previous
   * @param {"offline" | "hidden" | null} held
   * @returns {keyof typeof LINES}
   */
  #waitingFor(previous, held) {
    if (held) return held;
    this.#failures += 1;
    if (previous === "connected") return "lost";
    return this.#failures === 1 ? "first" : "again";
  }

  /** @param {Note} note @returns {Written[]} */
  #drop({ what, id, cause, detail }) {
    const { id: idName, what: whatName } = NAMES;
    const object = { [whatName[this.#lang]]: what, [idName[this.#lang]]: id };
    return [this.#line("error", "dropped", { object: shown(object) }), ...this.#cause("error", cause, detail, "unsent")];
  }

  /**
   * What is known of a cause, on a line of its own.
   * @param {Level} level
   * @param {string | null | undefined} cause
   * @param {string} [detail]
   * @param {keyof typeof NEXT} [next] What follows, where it is not what follows from the cause itself.
   * @returns {Written[]}
   */
  #cause(level, cause, detail, next) {
    if (!cause) return [];
    const listed = titleOf(CAUSE_TITLES, cause);
    const title = (listed ?? titleOf(OWN_TITLES, cause))?.[this.#lang] ?? cause;
    const steps = [NEXT[next ?? CAUSES.get(cause)?.retry ?? "backoff"][this.#lang]];
    if (listed) steps.push(fill(NEXT.repair[this.#lang], { cause }));
    const told = detail ? `${title}: ${this.#lang === "es" ? inSpanish(detail) : detail}` : title;
    return [this.#line(level, "cause", { title: told, cause, next: steps.join(" ") })];
  }

  /**
   * @param {Level} level
   * @param {keyof typeof LINES} name
   * @param {Record<string, unknown>} values
   * @returns {Written}
   */
  #line(level, name, values) {
    return { level, text: redacted(fill(LINES[name][this.#lang], values)) };
  }
}

/**
 * @param {Readonly<Record<string, import("./console-words.js").Line>>} titles
 * @param {string} cause
 */
function titleOf(titles, cause) {
  return Object.hasOwn(titles, cause) ? titles[cause] : undefined;
}

/** @param {string} detail */
function inSpanish(detail) {
  const known = DETAILS.find(({ en }) => en.test(detail));
  return known ? detail.replace(known.en, known.es) : detail;
}

/** Rounded up: what is said to take a second takes no longer. @param {number | null | undefined} ms */
function seconds(ms) {
  return Math.max(1, Math.ceil((ms ?? 0) / 1_000));
}

/**
 * @param {string} line
 * @param {Record<string, unknown>} values
 */
function fill(line, values) {
  return line.replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all));
}

/** As a browser's console writes an object. @param {Record<string, unknown>} object */
function shown(object) {
  const fields = Object.entries(object).filter(([, value]) => value !== undefined);
  return `{${fields.map(([name, value]) => `${name}: ${typeof value === "string" ? quoted(value) : value}`).join(", ")}}`;
}

/** @param {string} text */
function quoted(text) {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'").replaceAll("\n", "\\n")}'`;
}

const SECRET_PARAMETER = /([?&](?:token|access_token|refresh|ticket|jwt|key|api_key|password)=)[^&#'"\s]+/gi;
const JWT = /\beyJ[\w-]{4,}\.[\w-]+(?:\.[\w-]*)?/g;

/** @param {string} text */
function redacted(text) {
  return text.replace(SECRET_PARAMETER, "$1...").replace(JWT, "...");
}
