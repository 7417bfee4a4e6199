/**
 * @file The cause behind a 1006: one plain HTTP GET of the socket's own address.
 *
 * A browser tells a page nothing about a failed handshake. The server answers the same address over
 * HTTP with the cause, and with what became of the attempt whose id the socket carried. When even that
 * fails, what can still be told apart is told; what cannot (a dead host, a bad certificate, a name
 * that does not resolve) is said to be one thing.
 */
import { CAUSES } from "./causes.js";
import { retryOf } from "./closes.js";

/** @typedef {import("./closes.js").Problem} Problem */

/** A server that needs longer than this to answer a GET is as good as away. */
const ANSWER_WITHIN_MS = 8_000;

/**
 * @param {URL} socketUrl With the `attempt` of the failed socket.
 * @param {{token?: string, fetch?: typeof fetch, online?: boolean}} with_
 * @returns {Promise<Problem | null>} Null where everything looks right.
 */
export async function diagnose(socketUrl, { token, fetch = globalThis.fetch, online = true }) {
  if (!online) return problem("offline");
  const url = new URL(socketUrl);
  url.protocol = url.protocol === "wss:" ? "https:" : "http:";
  let response;
  try {
    response = await fetch(url, {
      headers: { accept: "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) },
      cache: "no-store",
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
  } catch (error) {
    return problem(error?.name === "TimeoutError" ? "server_frozen" : "server_unreachable");
  }
  if (response.redirected) {
    const https = url.protocol === "http:" && response.url.startsWith("https:");
    return problem(https ? "redirect_https" : "redirect_slash", response.url.split("?")[0]);
  }
  let answer;
  try {
    answer = await response.json();
  } catch {
    return problemOfStatus(response.status);
  }
  return problemOfAnswer(answer, response.status);
}

/**
 * @param {any} answer The preflight's JSON.
 * @param {number} status
 * @returns {Problem | null}
 */
export function problemOfAnswer(answer, status) {
  if (answer?.ok === false && answer.cause) {
    return {
      cause: answer.cause,
      code: answer.code ?? codeOf(answer.cause),
      retry: answer.retry ?? retryOf(answer.cause),
      ...(answer.detail ? { detail: answer.detail } : {}),
      ...(answer.retry_in_ms === undefined ? {} : { retryInMs: answer.retry_in_ms }),
    };
  }
  if (answer?.ok !== true) return problemOfStatus(status);
  const receipt = answer.attempt;
  if (receipt?.cause) return { ...problem(receipt.cause), code: receipt.code ?? 1006 };
  // The gates are open and yet the handshake never came: something on the way dropped it.
  if (receipt?.seen === false) return problem("proxy_closed_silently", "the handshake never reached the server");
  return null;
}

/** An answer that is not the server's own: somebody stands in front of it. */
function problemOfStatus(status) {
  if (status === 502 || status === 503 || status === 504) return problem("server_down", `the proxy answers ${status}`);
  if (status === 404) return problem("route_not_found");
  if (status < 400) return problem("proxy_wrong_location", "a page answers where the socket should be");
  return problem("server_unreachable", `status ${status}`);
}

/** @returns {Problem} */
function problem(cause, detail) {
  return { cause, code: codeOf(cause), retry: retryOf(cause), ...(detail ? { detail } : {}) };
}

/** What never closed with a code of its own, a browser saw as 1006. */
function codeOf(cause) {
  return CAUSES.get(cause)?.code || 1006;
}
