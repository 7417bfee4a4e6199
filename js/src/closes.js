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

/** What a client does after a code, and the cause that a bare code stands for. @type {Record<number, string>} */
const CODES = {
  1001: "wait going_away",
  1002: "stop protocol_error",
  1003: "stop unsupported_data",
  1007: "stop invalid_utf8",
  1009: "stop message_too_big",
  1011: "backoff internal_error",
  1012: "wait restarting",
  1013: "backoff overloaded",
  4400: "stop bad_request",
  4401: "refresh token_invalid",
  4403: "stop not_a_member",
  4404: "stop chat_not_found",
  4408: "backoff heartbeat_timeout",
  4409: "stop session_replaced",
  4410: "stop chat_closed",
  4413: "stop frame_flood",
  4429: "wait rate_limited",
  4508: "resume slow_consumer",
};
/** Below 4000 others close too, with words of their own: these are ours beside those above. */
const OURS = /^(store|broker|authority)_unavailable$/;
/** No new token helps against these, whatever the code says. */
const FINAL = /^(token_user_mismatch|user_unknown|user_inactive)$/;

const REASON = /^([a-z][a-z0-9_]*)(?:: ?(.*))?$/s;
const ADVICE = /retry in (\d{1,9}) ms/;

/** @param {number} code */
const meaning = (code) => /** @type {[] | [Retry, string]} */ (CODES[code]?.split(" ") ?? []);

/**
 * @param {number} code
 * @param {string} [reason]
 * @returns {Problem}
 */
export function problemOfClose(code, reason = "") {
  const [, usual = null] = meaning(code);
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
  return meaning(code)[0] ?? (code >= 4000 ? "stop" : "backoff");
}
