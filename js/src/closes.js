/**
 * @file What a close of the socket means: which cause, and what to do about it.
 *
 * The server writes the cause's id into the reason of its close frame (`token_expired: 3 min ago`). A
 * peer that writes none is judged by the code alone, and a 1006 by nothing: its cause is `null` until
 * somebody asks (see diagnose.js).
 */
import { CAUSES } from "./causes.js";

/**
 * @typedef {import("./causes.js").Retry} Retry
 * @typedef {object} Problem
 * @property {string | null} cause Id in the table of causes; null while nobody knows.
 * @property {number} code Close code; 1006 where the socket never said.
 * @property {Retry} retry
 * @property {string} [detail] Short English detail, as the server gave it.
 * @property {number} [retryInMs] The server's own advice.
 */

/** What a bare code stands for when the reason names no cause. */
const CAUSE_OF_CODE = {
  1001: "going_away",
  1002: "protocol_error",
  1003: "unsupported_data",
  1007: "invalid_utf8",
  1009: "message_too_big",
  1011: "internal_error",
  1012: "restarting",
  1013: "overloaded",
  4400: "bad_request",
  4401: "token_invalid",
  4403: "not_a_member",
  4404: "chat_not_found",
  4408: "heartbeat_timeout",
  4409: "session_replaced",
  4410: "chat_closed",
  4413: "frame_flood",
  4429: "rate_limited",
  4508: "slow_consumer",
};

const REASON = /^([a-z][a-z0-9_]*)(?:: ?(.*))?$/s;
const ADVICE = /retry in (\d{1,9}) ?ms/i;

/**
 * @param {number} code
 * @param {string} [reason]
 * @returns {Problem}
 */
export function problemOfClose(code, reason = "") {
  const named = REASON.exec(reason);
  const known = named !== null && (CAUSES.has(named[1]) || code >= 4000);
  const cause = known ? named[1] : (CAUSE_OF_CODE[code] ?? null);
  const detail = known ? named[2] : reason;
  const advice = ADVICE.exec(reason);
  return {
    cause,
    code,
    retry: retryOf(cause, code),
    ...(detail ? { detail } : {}),
    ...(advice ? { retryInMs: Number(advice[1]) } : {}),
  };
}

/**
 * The cause goes first and the code second. An unknown 4xxx is taken for a refusal: retrying what
 * an application refused is how endless loops begin.
 * @param {string | null | undefined} cause
 * @param {number} [code]
 * @returns {Retry}
 */
export function retryOf(cause, code = 1006) {
  const known = CAUSES.get(cause) ?? (cause ? CAUSES.get(CAUSE_OF_CODE[code]) : undefined);
  if (known) return known.retry;
  return code >= 4000 ? "stop" : "backoff";
}
