/**
 * @file Who is signed in: the pair of tokens of this tab, and a fresh one when asked.
 *
 * In sessionStorage, so that two windows can be two people. A token may arrive in the address's fragment
 * (the demo prints such addresses); it is taken out of the address bar at once.
 */

const STORED = "charla.session";
/** A token this close to its end is not worth a handshake. */
const SPARE_MS = 15_000;

/** A refusal of the token endpoints. `retry: "stop"` tells the client that no other token will come. */
export class SignInError extends Error {
  constructor(cause, retry, detail) {
    super(detail ?? cause);
    this.cause = cause;
    this.retry = retry;
  }
}

export class Session {
  #tokens;
  #renewal = null;

  constructor({ access, refresh = null, tenant = null }) {
    this.#tokens = { access, refresh, tenant };
    sessionStorage.setItem(STORED, JSON.stringify(this.#tokens));
  }

  /** From the address's fragment, else from this tab's storage. @returns {Session | null} */
  static restore() {
    const fragment = new URLSearchParams(location.hash.slice(1));
    if (fragment.has("token")) {
      history.replaceState(null, "", location.pathname + location.search);
      const tenant = new URLSearchParams(location.search).get("tenant");
      return new Session({ access: fragment.get("token"), refresh: fragment.get("refresh"), tenant });
    }
    try {
      const stored = JSON.parse(sessionStorage.getItem(STORED));
      return stored?.access ? new Session(stored) : null;
    } catch {
      return null;
    }
  }

  static async signIn({ username, password, tenant }) {
    const answer = await post("/api/token/", { username, password, ...(tenant ? { tenant } : {}) });
    return new Session({ ...answer, tenant: tenant || null });
  }

  /**
   * Signs out: this tab forgets, and the server hands out no more tokens for the one it had. The access
   * token is left to run out: other windows, and lines copied from the demo, may be using it.
   */
  end() {
    const { refresh } = this.#tokens;
    sessionStorage.removeItem(STORED);
    if (!refresh) return;
    const headers = { "content-type": "application/json" };
    fetch("/api/token/revoke/", { method: "POST", headers, body: JSON.stringify({ refresh }), keepalive: true }).catch(() => {});
  }

  get tenant() {
    return this.#tokens.tenant;
  }

  get access() {
    return this.#tokens.access;
  }

  /** What the client asks before it connects, and after a refusal. */
  async token({ refused = null, expiring = false } = {}) {
    const { access, refresh } = this.#tokens;
    const stale = refused !== null || expiring || expiresAt(access) < Date.now() + SPARE_MS;
    if (!stale) return access;
    if (!refresh) {
      // Nothing to renew it with. The server has the last word on the one we hold, once.
      if (refused === null && !expiring) return access;
      throw new SignInError(refused ?? "token_expired", "stop");
    }
    // Refresh tokens rotate: two renewals at once would look like a stolen one.
    this.#renewal ??= this.#renew(refresh).finally(() => (this.#renewal = null));
    return this.#renewal;
  }

  async #renew(refresh) {
    const answer = await post("/api/token/refresh/", { refresh });
    this.#tokens = { ...this.#tokens, access: answer.access, refresh: answer.refresh ?? refresh };
    sessionStorage.setItem(STORED, JSON.stringify(this.#tokens));
    return answer.access;
  }

  /** A GET or POST of the API in this person's name. */
  async api(path, { method = "GET" } = {}) {
    const response = await fetch(path, { method, headers: { authorization: `Bearer ${await this.token()}` } });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new SignInError(answer.cause ?? "server_unreachable", answer.retry ?? "backoff", answer.detail);
    return answer;
  }
}

async function post(path, body) {
  let response;
  try {
    response = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  } catch {
    throw new SignInError("server_unreachable", "backoff");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const down = response.status >= 500 || response.status === 429;
  throw new SignInError(answer.cause ?? "server_unreachable", down ? "backoff" : "stop", answer.detail);
}

/** Unknown where the token is not a JWT: then the server decides. */
function expiresAt(token) {
  try {
    const [, claims] = token.split(".");
    const { exp } = JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/")));
    return typeof exp === "number" ? exp * 1_000 : Infinity;
  } catch {
    return Infinity;
  }
}
