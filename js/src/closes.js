/**
 * @file What a close of the socket means: which cause, and what to do about it.
 *
 * The server writes the cause's id into the reason of its close frame (`token_expired: 3 min ago`). A
 * peer that writes none is judged by the code alone, and a 1006 by nothing: its cause is `null` until
 * somebody asks (see diagnose.js).
 */
/**
 * @typedef {import("./causes.js").Retry} Retry
 * @typedef {object} Problem
 * @property {string | null} cause Id in the table of causes; null while nobody knows.
 * @property {number} code Close code; 1006 where the socket never said.
 * @property {Retry} retry
 * @property {string} [detail] Short English detail, as the server gave it.
 * @property {number} [retryInMs] The server's own advice.
 */

/** The cause that a bare code stands for, and what to do where that is not what [`retryOf`] says of most codes. @type {Record<number, string>} */
const CODES = {
  1001: "going_away wait",
  1002: "protocol_error stop",
  1003: "unsupported_data stop",
  1007: "invalid_utf8 stop",
  1009: "message_too_big stop",
  1011: "internal_error",
  1012: "restarting wait",
  1013: "overloaded",
  4400: "bad_request",
  4401: "token_invalid refresh",
  4403: "not_a_member",
  4404: "chat_not_found",
  4408: "heartbeat_timeout backoff",
  4409: "session_replaced",
  4410: "chat_closed",
  4413: "frame_flood",
  4429: "rate_limited wait",
  4508: "slow_consumer resume",
};
/** Below 4000 others close too, with words of their own: these are ours beside those above. */
const OURS = /^(store|broker|authority)_unavailable$/;
/** No new token helps against these, whatever the code says. */
const FINAL = /^(session_invalid|token_user_mismatch|user_unknown|user_inactive)$/;

const REASON = /^([a-z][a-z0-9_]*)(?:: ?(.*))?$/s;
const ADVICE = /retry in (\d{1,9}) ms/;

/** @param {number} code */
const meaning = (code) => /** @type {[string?, Retry?]} */ (CODES[code]?.split(" ") ?? []);

/**
 * @param {number} code
 * @param {string} [reason]
 * @returns {Problem}
 */
export function problemOfClose(code, reason = "") {
  const [usual = null] = meaning(code);
  const [, word, rest] = REASON.exec(reason) ?? [];
  const isNamed = word !== undefined && (code >= 4000 || word === usual || OURS.test(word));
  const cause = isNamed ? word : usual;
  const detail = isNamed ? rest : reason;
  const advice = ADVICE.exec(reason);
  return {
    cause,
    code,
    retry: retryOf(cause, code),
    ...(detail && { detail }),
    ...(advice && { retryInMs: Number(advice[1]) }),
  };
}

/**
 * The cause goes first and the code second. An unknown 4xxx is taken for a refusal: retrying what
 * an application refused is how endless loops begin.
 * @param {string | null} cause
 * @param {number} code
 * @returns {Retry}
 */
export function retryOf(cause, code) {
  if (FINAL.test(cause ?? "")) return "stop";
  return meaning(code)[1] ?? (code >= 4000 ? "stop" : "backoff");
}
