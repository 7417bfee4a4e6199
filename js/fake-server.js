/**
 * @file A Charla server in memory, for tests of front ends: same frames, no network, no disk.
 *
 * `new Charla({ url: "ws://fake/ws/", token: () => fake.token("ana"), WebSocket: fake.WebSocket,
 * fetch: fake.fetch })` talks to it. It fails on command: `down`, `front`, `deaf`, `refuse()`, `drop()`,
 * `lose()`. It promises the protocol's words, not a server's strength: no limits, no persistence.
 */
// @ts-nocheck: what users of it see is typed below; the inside is a test's own play.
import { codeOf, Connection, person } from "./fake-connection.js";
import { CAUSES } from "./src/causes.js";
import { CAUSE_TITLES } from "./src/cause-titles.js";

const TOKEN_LIFE_MS = 300_000;

/**
 * @typedef {{id: string, name: string, role: "member" | "agent", login: string}} User
 * @typedef {object} Front What stands between the page and the server, in place of nothing: handshakes end there.
 * @property {number} [status] Of its own page, which it sends for every request: 502 for a server that is down.
 * @property {boolean} [strips] It drops the `Upgrade` header; everything else passes.
 * @property {string} [redirect] It sends everybody there.
 * @property {boolean} [unreadable] Its answers carry nothing that lets a page of another origin read them.
 */

export class FakeServer {
  /** @type {Map<string, User>} By login. */
  users = new Map();
  /** @type {Map<string, any>} */
  chats = new Map();
  /** Those that were announced, by id; `bytes` once they were put. @type {Map<string, any>} */
  files = new Map();
  /** @type {Set<Connection>} */
  connections = new Set();
  /** Nobody listens: handshakes end in 1006 and fetches throw. */
  down = false;
  /** @type {Front | null} */
  front = null;
  /** Handshakes succeed, and then it says nothing and hears nothing. */
  deaf = false;
  /** @type {any[]} Frames that came in, newest last. */
  received = [];
  /** @type {{method: string, url: string, authorization: string | null}[]} What was asked over HTTP, newest last. */
  requests = [];
  /** Sockets that were opened towards it. */
  attempts = 0;
  /** Those that reached it. */
  handshakes = 0;
  heartbeatMs = 25_000;
  tokenLifeMs = TOKEN_LIFE_MS;
  /** Its clock less everybody else's. */
  aheadMs = 0;
  /** Frames that it knows nothing of, as a server of an earlier version. @type {string[]} */
  unknown = [];
  /** @type {Map<string, {seen: boolean, cause?: string}>} Attempt ids and what became of them. */
  receipts = new Map();
  /** Hand it to the client. @type {typeof WebSocket} */
  WebSocket;
  /** Hand it to the client. @type {typeof fetch} */
  fetch;
  #refusal = null;
  #losing = 0;
  #nextToken = 1;
  #revoked = new Set();

  /** @param {{now?: () => number}} [options] */
  constructor({ now = Date.now } = {}) {
    this.now = () => now() + this.aheadMs;
    const server = this;
    this.WebSocket = class extends FakeWebSocket {
      constructor(url, protocols) {
        super(server, url, protocols);
      }
    };
    this.fetch = (url, init) => this.#answer(new URL(url), init);
  }

  /** @param {string} login @param {Partial<User>} [more] @returns {User} */
  addUser(login, more = {}) {
    const name = login[0].toUpperCase() + login.slice(1);
    const user = { id: String(41 + this.users.size), name, role: "member", login, ...more };
    this.users.set(login, user);
    return user;
  }

  /** @param {string} id @param {string[]} logins @param {string} [title] */
  addChat(id, logins, title = `Chat ${id}`) {
    const members = new Set(logins.map((login) => this.users.get(login).id));
    const chat = { id, title, members, messages: [], rev: 0, state: "open", reads: new Map(), ids: new Map() };
    this.chats.set(id, chat);
    return chat;
  }

  /** @param {string} login @param {{expired?: boolean}} [more] @returns {string} */
  token(login, { expired = false } = {}) {
    const expiresAt = this.now() + (expired ? -1 : 1) * this.tokenLifeMs;
    return `${login}~${expiresAt}~${this.#nextToken++}`;
  }

  /** @param {string} token */
  revoke(token) {
    this.#revoked.add(token);
  }

  /** From now on every handshake is accepted and closed with this cause; null ends it. @param {string | null} cause @param {string} [detail] */
  refuse(cause, detail = "") {
    this.#refusal = cause ? { cause, detail } : null;
  }

  /** Closes every connection; without a code as a cut line does. @param {number} [code] @param {string} [reason] */
  drop(code, reason = "") {
    for (const connection of [...this.connections]) connection.end(code ?? 1006, reason);
  }

  /** The next `count` messages reach the store but neither ack nor echo comes back. @param {number} count */
  lose(count) {
    this.#losing = count;
  }

  /**
   * A message that another client, or the app's back end, posts.
   * @param {string} chatId
   * @param {string} login
   * @param {string} text
   * @param {{id?: string, data?: any, attachments?: import("./src/frames.js").Attachment[], at?: number}} [more]
   */
  post(chatId, login, text, { id = crypto.randomUUID(), data, attachments, at } = {}) {
    const chat = this.chats.get(chatId);
    const known = chat.ids.get(id);
    if (known) return { message: known, isNew: false };
    const { id: author, name } = this.users.get(login);
    const sent_at = new Date(at ?? this.now()).toISOString();
    const message = { seq: chat.messages.length + 1, id, author: { id: author, name }, text, sent_at };
    if (data !== undefined) message.data = data;
    if (attachments) message.attachments = attachments;
    chat.messages.push(message);
    chat.ids.set(id, message);
    this.toChat(chat, { type: "message", chat: chatId, ...message });
    this.#toInboxes(chat, message);
    return { message, isNew: true };
  }

  /** @param {any} chat @param {any} frame @param {any} [except] A connection that is not told. */
  toChat(chat, frame, except) {
    for (const connection of this.connections) {
      if (connection !== except && connection.chats.has(chat.id)) connection.tell(frame);
    }
  }

  #toInboxes(chat, message) {
    for (const connection of this.connections) {
      const { id } = connection.user;
      if (connection.chats.has(chat.id) || !chat.members.has(id)) continue;
      connection.tell({
        type: "inbox",
        chat: chat.id,
        title: chat.title,
        seq: message.seq,
        unread: unread(chat, id),
        preview: message.text.slice(0, 80),
        author: message.author,
        sent_at: message.sent_at,
      });
    }
  }

  /** @returns {{user: any} | {cause: string, detail?: string}} */
  gate(url, token) {
    if (this.#refusal) return this.#refusal;
    if (!token) return { cause: "token_missing" };
    const [login, expiresAt] = token.split("~");
    const user = this.users.get(login);
    if (!user) return { cause: "token_invalid", detail: "signature does not match" };
    if (this.#revoked.has(token)) return { cause: "token_revoked" };
    if (Number(expiresAt) < this.now()) return { cause: "token_expired", detail: "5 min ago" };
    const entry = /\/ws\/chat\/([^/]+)\/?$/.exec(url.pathname)?.[1];
    const refusal = entry && this.mayEnter(user, entry);
    return refusal ?? { user, entry };
  }

  mayEnter(user, chatId) {
    const chat = this.chats.get(chatId);
    if (!chat) return { cause: "chat_not_found", detail: `no chat ${chatId}` };
    if (user.role !== "agent" && !chat.members.has(user.id)) return { cause: "not_a_member" };
    return null;
  }

  /** Takes a socket in. `peer.send` and `peer.close` reach its other end. */
  accept(url, protocols, peer) {
    this.handshakes += 1;
    const token = protocols.find((name) => name.startsWith("bearer."))?.slice(7) ?? url.searchParams.get("token");
    const attempt = url.searchParams.get("attempt");
    const gate = this.front?.strips ? { cause: "proxy_no_upgrade" } : this.gate(url, token);
    if (attempt) this.receipts.set(attempt, { seen: true, ...("cause" in gate ? { cause: gate.cause } : {}) });
    const connection = new Connection(this, peer, gate.user, Number(token?.split("~")[1]));
    if (this.front?.strips) connection.end(1006, "");
    else if ("cause" in gate) {
      connection.end(codeOf(gate.cause), gate.detail ? `${gate.cause}: ${gate.detail}` : gate.cause);
    }
    if ("cause" in gate) return connection;
    this.connections.add(connection);
    if (this.deaf) return connection;
    connection.welcome();
    if (gate.entry) connection.subscribe({ chat: gate.entry, ...numbers(url.searchParams) });
    return connection;
  }

  loses() {
    if (this.#losing === 0) return false;
    this.#losing -= 1;
    return true;
  }

  async #answer(url, init = {}) {
    const { method = "GET", redirect = "follow", mode } = init;
    const authorization = new Headers(init.headers).get("authorization");
    this.requests.push({ method, url: url.href, authorization });
    const { status, redirect: target, unreadable } = this.front ?? {};
    if (this.down || (unreadable && mode !== "no-cors")) throw new TypeError("Failed to fetch");
    if (target && redirect === "manual") return new Response(null, { status: 302, headers: { location: target } });
    if (target) return Object.defineProperty(new Response("<!doctype html>"), "url", { value: new URL(target, url).href });
    if (status) return new Response("<!doctype html>", { status, headers: { "content-type": "text/html" } });
    if (url.pathname.startsWith("/attachments/")) return this.#file(method, url, init);
    const answer = this.handle(method, url, authorization?.replace(/^Bearer /, ""), init.body ? JSON.parse(init.body) : {});
    return Response.json(answer.json, { status: answer.status });
  }

  /** Who has the address needs no token. */
  async #file(method, url, { body }) {
    const file = this.files.get(url.pathname.split("/").at(-1));
    const { type, bytes } = file?.attachment ?? {};
    if (method === "PUT" && file) {
      const put = new Uint8Array(await new Response(body).arrayBuffer());
      if (put.length > bytes) return Response.json(refused("attachment_too_large", 413).json, { status: 413 });
      if (put.length < bytes) return Response.json(refused("bad_request", 400).json, { status: 400 });
      file.bytes ??= put;
      return new Response(null, { status: 204 });
    }
    if (file?.bytes) return new Response(file.bytes, { headers: { "content-type": type } });
    return Response.json(refused("attachment_not_found", 404).json, { status: 404 });
  }

  /** The HTTP half: preflight, tokens, and what a page asks. @returns {{status: number, json: any}} */
  handle(method, url, bearer, body) {
    const path = url.pathname;
    if (path.startsWith("/ws/")) return this.#preflight(url, bearer);
    if (path === "/api/v1/info") {
      return ok({ name: "Charla", version: "fake", tenant: "demo", languages: ["en", "es"], demo: true, accounts: true });
    }
    if (path === "/api/token/") return this.#signIn(body);
    if (path === "/api/token/refresh/") return this.#refresh(body);
    const gate = this.gate(new URL("http://fake/"), bearer);
    if ("cause" in gate) return refused(gate.cause, 401, gate.detail);
    if (path === "/api/v1/me") return ok({ user: person(gate.user), tenant: "demo" });
    if (path === "/api/v1/me/chats") return ok({ chats: this.#chatsOf(gate.user) });
    if (path === "/api/v1/me/support-chat" && method === "POST") return ok({ chat: this.#supportChat(gate.user).id });
    return refused("not_found", 404);
  }

  #preflight(url, bearer) {
    const receipt = url.searchParams.get("attempt");
    const attempt = receipt && (this.receipts.get(receipt) ?? { seen: false });
    const gate = this.gate(url, bearer);
    if (!("cause" in gate)) return ok({ ok: true, connection: null, attempt, user: person(gate.user) });
    const { cause, detail } = gate;
    const { code, retry } = CAUSES.get(cause);
    return { status: code - 4000, json: { ok: false, cause, code, title: CAUSE_TITLES[cause].en, detail, retry, attempt } };
  }

  #signIn({ username, password }) {
    const user = this.users.get(username);
    if (!user || password !== username) return refused("login_failed", 401);
    const refresh = `refresh~${username}`;
    return ok({ access: this.token(username), refresh, user: person(user), tenant: "demo" });
  }

  #refresh({ refresh }) {
    const login = String(refresh).split("~")[1];
    if (!this.users.has(login)) return refused("refresh_invalid", 401);
    return ok({ access: this.token(login), refresh });
  }

  #chatsOf(user) {
    const mine = [...this.chats.values()].filter((chat) => user.role === "agent" || chat.members.has(user.id));
    return mine.map((chat) => ({
      chat: chat.id,
      title: chat.title,
      state: chat.state,
      role: user.role,
      seq: chat.messages.length,
      unread: unread(chat, user.id),
      last: chat.messages.at(-1) ?? null,
    }));
  }

  #supportChat(user) {
    const id = `support-${user.id}`;
    return this.chats.get(id) ?? this.addChat(id, [user.login], "Support");
  }
}

/** The browser's WebSocket, its other end being a [`FakeServer`] in the same process. */
class FakeWebSocket extends EventTarget {
  readyState = 0;
  #connection = null;

  constructor(server, url, protocols = []) {
    super();
    server.attempts += 1;
    const later = (act) => setTimeout(act, 0);
    const peer = {
      send: (data) => later(() => this.readyState === 1 && this.dispatchEvent(new MessageEvent("message", { data }))),
      close: (code, reason) => later(() => this.#end(code, reason)),
    };
    later(() => {
      if (this.readyState !== 0) return;
      if (server.down || (server.front && !server.front.strips)) return this.#end(1006, "");
      if (!server.front) {
        this.readyState = 1;
        this.dispatchEvent(new Event("open"));
      }
      this.#connection = server.accept(new URL(url), [protocols].flat(), peer);
    });
  }

  send(data) {
    if (this.readyState === 1) this.#connection.receive(data);
  }

  close(code = 1005, reason = "") {
    this.#connection?.gone();
    setTimeout(() => this.#end(code, reason), 0);
    this.readyState = 2;
  }

  #end(code, reason) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.dispatchEvent(Object.assign(new Event("close"), { code, reason, wasClean: code !== 1006 }));
  }
}

function unread(chat, user) {
  return chat.messages.filter(({ seq, author }) => seq > (chat.reads.get(user) ?? 0) && author.id !== user).length;
}

function numbers(params) {
  const from = {};
  for (const name of ["after", "rev"]) if (params.has(name)) from[name] = Number(params.get(name));
  return from;
}

function ok(json) {
  return { status: 200, json };
}

function refused(cause, status, detail = "") {
  const title = CAUSE_TITLES[cause]?.en ?? cause;
  return { status, json: { type: `/docs/causes/${cause}`, title, status, detail, cause, retry: CAUSES.get(cause)?.retry } };
}
