/**
 * @file The cause behind a 1006: one plain HTTP GET of the socket's own address.
 *
 * A browser tells a page nothing about a failed handshake. The server answers the same address over
 * HTTP with the cause, and with what became of the attempt whose id the socket carried. When even that
 * fails, what can still be told apart is told; what cannot (a dead host, a bad certificate, a name
 * that does not resolve) is said to be one thing. A redirect or an unreadable answer earns one second
 * look, without the token: whoever answers there may be a stranger.
 */
/**
 * @typedef {import("./closes.js").Problem} Problem
 * @typedef {Omit<Problem, "retry"> & Partial<Pick<Problem, "retry">>} Finding Without `retry`: as its code says.
 * @typedef {{status: number | null, problem: Finding | null}} Diagnosis No problem where everything looks right.
 */

/** Proxies cut what has been silent for longer than this, and servers that fall over do it sooner. */
const SILENCE_MS = 3_000;
/** A server that needs longer than this to answer a GET is as good as away. */
const ANSWER_WITHIN_MS = 8_000;

/**
 * @param {URL} socketUrl With the `attempt` of the failed socket.
 * @param {{token?: string, fetch?: typeof fetch, silentMs?: number | null, blocked?: () => boolean}} seen What the
 *   page knows by itself: `silentMs` how long nothing had come when the connection ended, null if it never opened;
 *   `blocked` whether its own policy forbade the address.
 * @returns {Promise<Diagnosis>}
 */
export async function diagnose(socketUrl, { token, fetch: get = fetch, silentMs = null, blocked = () => false }) {
  const url = new URL(socketUrl);
  url.protocol = url.protocol.replace("ws", "http");
  /** @param {RequestInit} [more] */
  const ask = (more) => get(url, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_WITHIN_MS), ...more });
  /** @param {string} cause @param {string} [detail] @param {number | null} [status] @returns {Diagnosis} */
  const found = (cause, detail, status = null) => ({ status, problem: problem(cause, detail) });
  const forbidden = () => found(isMixed(url) ? "mixed_content" : "csp_blocked");

  if (blocked()) return forbidden();
  if (globalThis.navigator?.onLine === false) return found("offline");
  let response;
  try {
    const headers = { accept: "application/json", ...(token && { authorization: `Bearer ${token}` }) };
    response = await ask({ headers, redirect: "manual" });
  } catch (/** @type {any} */ error) {
    if (error?.name === "TimeoutError") return found("server_frozen");
    // A page may be kept from reading an answer that is there: a proxy's own page, or an origin not allowed.
    const isThere = await ask({ mode: "no-cors" }).then(() => true, () => false);
    if (blocked() || isMixed(url)) return forbidden();
    if (isThere && silentMs !== null) return { status: null, problem: endOf(silentMs, "app_exception") };
    return found("server_unreachable", isThere ? UNREADABLE : NOTHING);
  }
  const { status, type } = response;
  if (type === "opaqueredirect" || (status >= 300 && status < 400)) {
    const target = await ask().then((last) => last.url, () => "");
    return found(redirectOf(url, target), target.split("?")[0], status || null);
  }
  const answer = await response.json().catch(() => null);
  return { status, problem: findingOf(answer, status, silentMs) };
}

const NOTHING = "nothing answers: it is down, or its name or certificate is wrong, which a page cannot tell apart";
const UNREADABLE = "something answers there, but nothing that this page may read: a proxy's error page, or this origin is not allowed";

/**
 * @param {any} answer The preflight's JSON.
 * @param {number} status
 * @param {number | null} silentMs
 * @returns {Finding | null}
 */
function findingOf(answer, status, silentMs) {
  if (answer?.ok === false && answer.cause) {
    const { cause, code = 1006, retry, detail, retry_in_ms: retryInMs } = answer;
    return { cause, code, ...(retry && { retry }), ...(detail && { detail }), ...(retryInMs !== undefined && { retryInMs }) };
  }
  // A server that is not ours may know no plain GET there, though it serves the socket.
  if (answer?.ok !== true) return silentMs !== null && status < 500 ? endOf(silentMs, "app_exception") : problemOfStatus(status);
  const { seen, cause, code } = answer.attempt ?? {};
  if (cause) return code ? { cause, code } : problem(cause);
  if (silentMs !== null) return seen ? endOf(silentMs, "proxy_closed_silently") : null;
  // The gates are open and yet the handshake never came: something on the way dropped it.
  if (seen === false) return problem("proxy_closed_silently", "the handshake never reached the server");
  return null;
}

/**
 * It was open, and ended without a word that the server knows of.
 * @param {number} silentMs
 * @param {string} otherwise Who did it if it was not for silence.
 */
function endOf(silentMs, otherwise) {
  if (silentMs < SILENCE_MS) return problem(otherwise, "it was open, then cut without a word");
  return problem("proxy_read_timeout", `cut after ${Math.round(silentMs / 1_000)} s of silence`);
}

/** An answer that is not the server's own: somebody stands in front of it. @param {number} status */
function problemOfStatus(status) {
  if (status >= 502) return problem("server_down", `the proxy answers ${status}`);
  if (status < 400) return problem("proxy_wrong_location", "a page answers where the socket should be");
  return problem(STATUS[status] ?? "server_unreachable", `status ${status}`);
}

/** @type {Record<number, string>} */
const STATUS = { 401: "proxy_auth_required", 404: "route_not_found", 407: "proxy_auth_required", 426: "proxy_no_upgrade", 429: "proxy_rate_limited" };
/** What to do about a cause of our own finding; about all others: stop. @type {Record<string, import("./closes.js").Retry>} */
const RETRY = {
  app_exception: "backoff",
  offline: "wait",
  proxy_rate_limited: "wait",
  proxy_closed_silently: "backoff",
  proxy_read_timeout: "backoff",
  server_down: "backoff",
  server_frozen: "backoff",
  server_unreachable: "backoff",
};

/** A browser lets a page from https speak to this machine only without encryption. @param {URL} url */
export function isMixed({ protocol, hostname }) {
  return globalThis.location?.protocol === "https:" && protocol === "http:" && !/^(localhost|127\..*|\[::1\])$/.test(hostname);
}

/** @param {URL} url @param {string} target Where it led; empty when it leads where a page may not look. */
function redirectOf(url, target) {
  /** @param {string} path */
  const slash = (path) => path.replace(/\/?$/, "/");
  const to = target ? new URL(target) : null;
  if (to && slash(to.pathname) !== slash(url.pathname)) return "proxy_wrong_location";
  const isOnlySlash = to ? to.protocol === url.protocol : url.pathname !== slash(url.pathname);
  return isOnlySlash ? "redirect_slash" : "redirect_https";
}

/** What never closed with a code of its own, a browser saw as 1006. @param {string} cause @param {string} [detail] @returns {Problem} */
function problem(cause, detail) {
  return { cause, code: 1006, retry: RETRY[cause] ?? "stop", ...(detail && { detail }) };
}
