/**
 * @file The cause behind a 1006 of a server that is not Charla: what a page can be sure of, and nothing else.
 *
 * An ordinary server answers the GET of a socket's address with whatever it has: 404, 426, a page, a redirect.
 * None of that says why the handshake failed, so none of it is taken for a cause. What remains certain is
 * whether the page may ask at all, whether anything answers, and that a proxy says there is nobody behind it.
 */
import { isMixed } from "./diagnose.js";

/** @typedef {import("./closes.js").Problem} Problem */

/** A server that needs longer than this to answer a GET is as good as away. */
const ANSWER_WITHIN_MS = 8_000;

/** @type {Record<string, import("./closes.js").Retry>} */
const RETRY = { offline: "wait", mixed_content: "stop", csp_blocked: "stop", server_unreachable: "backoff", server_down: "backoff" };

/**
 * @param {URL} socketUrl
 * @param {{fetch?: typeof globalThis.fetch, blocked?: () => boolean}} seen `blocked`: the page's own policy forbade the address.
 * @returns {Promise<{status: number | null, problem: Problem | null}>} No problem where the cause cannot be told.
 */
export async function diagnosePlain(socketUrl, { fetch = globalThis.fetch, blocked = () => false }) {
  const url = new URL(socketUrl);
  url.protocol = url.protocol.replace("ws", "http");
  // Whoever answers need not see the token, and its log need not keep it.
  url.search = "";
  const forbidden = () => (blocked() ? told(isMixed(url) ? "mixed_content" : "csp_blocked") : null);
  const known = forbidden();
  if (known) return known;
  if (globalThis.navigator?.onLine === false) return told("offline");
  /** @param {RequestInit} how */
  const ask = (how) => fetch(url, { cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(ANSWER_WITHIN_MS), ...how });
  try {
    // Another origin's answer may not be read, but it can be told from none.
    const { status } = await ask({}).catch(() => ask({ mode: "no-cors" }));
    if (status === 502) return told("server_down", "the proxy answers 502", status);
    return { status: status || null, problem: null };
  } catch (/** @type {any} */ error) {
    return forbidden() ?? told("server_unreachable", error?.name === "TimeoutError" ? "no answer within 8 s" : "nothing answers");
  }
}

/**
 * @param {string} cause
 * @param {string} [detail]
 * @param {number | null} [status]
 */
function told(cause, detail, status = null) {
  return { status, problem: { cause, code: 1006, retry: RETRY[cause], ...(detail ? { detail } : {}) } };
}
