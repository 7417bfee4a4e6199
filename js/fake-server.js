/**
 * @file A Charla server in memory, for tests of front ends: same frames, no network, no disk.
 *
 * `new Charla({ url: "ws://fake/ws/", token: () => fake.token("ana"), WebSocket: fake.WebSocket,
 * fetch: fake.fetch })` talks to it. Hooks make it fail on command: `down`, `refuse()`, `drop()`, `lose()`.
 * It promises the protocol's words, not a server's strength: no limits, no persistence.
 */
import { CAUSES } from "./src/causes.js";
import { CAUSE_TITLES } from "./src/cause-titles.js";

const PAGE = 50;
const RESUME_LIMIT = 500;
const TOKEN_LIFE_MS = 300_000;

/** @typedef {{id: string, name: string, role: "member" | "agent"}} User */

export class FakeServer {
  /** @type {Map<string, User & {login: string}>} By login. */
  users = new Map();
  /** @type {Map<string, any>} */
  chats = new Map();
  /** @type {Set<Connection>} */
  connections = new Set();
  /** Nobody listens: handshakes end in 1006 and fetches throw. */
  down = false;
  /** Frames that came in, newest last. */
  received = [];
  handshakes = 0;
  heartbeatMs = 25_000;
  /** Attempt ids and what became of them. */
  receipts = new Map();
  #refusal = null;
  #losing = 0;
  #nextToken = 1;
  #revoked = new Set();

  constructor({ now = Date.now } = {}) {
    this.now = now;
    const server = this;
    this.WebSocket = class extends FakeWebSocket {
      constructor(url, protocols) {
        super(server, url, protocols);
      }
    };
    this.fetch = (url, init) => this.#answer(new URL(url), init);
  }

  /** @param {string} login @param {Partial<User>} [more] */
  addUser(login, more = {}) {
    const name = login[0].toUpperCase() + login.slice(1);
    const user = { id: String(41 + this.users.size), name, role: "member", login, ...more };
    this.users.set(login, user);
    return user;
  }

  /** @param {string} id @param {string[]} logins */
  addChat(id, logins, title = `Chat ${id}`) {
    const members = new Set(logins.map((login) => this.users.get(login).id));
    const chat = { id, title, members, messages: [], rev: 0, state: "open", reads: new Map(), ids: new Map() };
    this.chats.set(id, chat);
    return chat;
  }

  token(login, { expired = false } = {}) {
    const expiresAt = this.now() + (expired ? -1 : 1) * TOKEN_LIFE_MS;
    return `${login}~${expiresAt}~${this.#nextToken++}`;
  }

  revoke(token) {
    this.#revoked.add(token);
  }

  /** From now on every handshake is accepted and closed with this cause; null ends it. */
  refuse(cause, detail = "") {
    this.#refusal = cause ? { cause, detail } : null;
  }

  /** Closes every connection; without a code as a cut line does. */
  drop(code, reason = "") {
    for (const connection of [...this.connections]) connection.end(code ?? 1006, reason);
  }

  /** The next `count` messages reach the store but neither ack nor echo comes back. */
  lose(count) {
    this.#losing = count;
  }

  /** A message that another client, or the app's back end, posts. */
  post(chatId, login, text, { id = crypto.randomUUID(), data, at } = {}) {
    const chat = this.chats.get(chatId);
    const known = chat.ids.get(id);
    if (known) return { message: known, isNew: false };
    const { id: author, name } = this.users.get(login);
    const sent_at = new Date(at ?? this.now()).toISOString();
    const message = { seq: chat.messages.length + 1, id, author: { id: author, name }, text, sent_at };
    if (data !== undefined) message.data = data;
    chat.messages.push(message);
    chat.ids.set(id, message);
    this.toChat(chat, { type: "message", chat: chatId, ...message });
    this.#toInboxes(chat, message);
    return { message, isNew: true };
  }

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
    const gate = this.gate(url, token);
    const attempt = url.searchParams.get("attempt");
    if (attempt) this.receipts.set(attempt, { seen: true, ...("cause" in gate ? { cause: gate.cause } : {}) });
    const connection = new Connection(this, peer, gate.user);
    if ("cause" in gate) {
      connection.end(codeOf(gate.cause), gate.detail ? `${gate.cause}: ${gate.detail}` : gate.cause);
      return connection;
    }
    this.connections.add(connection);
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
    if (this.down) throw new TypeError("Failed to fetch");
    const bearer = new Headers(init.headers).get("authorization")?.replace(/^Bearer /, "");
    const body = init.body ? JSON.parse(init.body) : {};
    const { status, json } = this.handle(init.method ?? "GET", url, bearer, body);
    return Response.json(json, { status });
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

class Connection {
  /** @type {Set<string>} */
  chats = new Set();

  constructor(server, peer, user) {
    this.server = server;
    this.peer = peer;
    this.user = user;
  }

  tell(frame) {
    this.peer.send(JSON.stringify(frame));
  }

  end(code, reason) {
    this.gone();
    this.peer.close(code, reason);
  }

  /** The other end went away. */
  gone() {
    this.server.connections.delete(this);
    for (const id of this.chats) this.#leave(id);
  }

  receive(text) {
    const frame = JSON.parse(text);
    this.server.received.push(frame);
    const handle = REQUESTS[frame.type];
    if (handle) handle(this, frame, this.server.chats.get(frame.chat));
    else this.refuse(frame, "bad_request");
  }

  welcome() {
    this.tell({
      type: "welcome",
      session: crypto.randomUUID(),
      user: person(this.user),
      tenant: "demo",
      heartbeat_ms: this.server.heartbeatMs,
      token_expires_at: null,
      server_time: new Date(this.server.now()).toISOString(),
      version: "fake",
    });
  }

  refuse({ ref, chat, id }, cause, detail = "") {
    this.tell({ type: "error", ref, chat, id, cause, detail, retry: CAUSES.get(cause)?.retry ?? "stop" });
  }

  subscribe({ ref, chat: id, after, rev }) {
    const refusal = this.server.mayEnter(this.user, id);
    if (refusal) return this.refuse({ ref, chat: id }, refusal.cause, refusal.detail);
    const chat = this.server.chats.get(id);
    const { messages } = chat;
    const resumed = after !== undefined && messages.length - after <= RESUME_LIMIT;
    const page = after === undefined ? [] : messages.slice(resumed ? after : -PAGE);
    const changed = rev === undefined ? [] : messages.filter((each) => each.rev > rev && each.seq <= after);
    if (!this.chats.has(id)) this.server.toChat(chat, { type: "presence", chat: id, user: person(this.user), state: "joined" });
    this.chats.add(id);
    const here = [...this.server.connections].filter((each) => each.chats.has(id)).map((each) => person(each.user));
    return this.tell({
      type: "subscribed",
      ref,
      chat: id,
      title: chat.title,
      state: chat.state,
      role: this.user.role,
      seq: messages.length,
      rev: chat.rev,
      resumed,
      messages: page.map(shown),
      changed: changed.map(shown),
      members_online: [...new Map(here.map((user) => [user.id, user])).values()],
      reads: [...chat.reads].map(([user, seq]) => ({ user, seq })),
    });
  }

  #leave(id) {
    const chat = this.server.chats.get(id);
    const stays = [...this.server.connections].some((each) => each.user.id === this.user.id && each.chats.has(id));
    if (!stays) this.server.toChat(chat, { type: "presence", chat: id, user: person(this.user), state: "left" });
  }

  change(frame, chat, apply) {
    const message = chat?.messages[frame.seq - 1];
    if (!message) return this.refuse(frame, "message_not_found");
    if (message.author.id !== this.user.id && this.user.role !== "agent") return this.refuse(frame, "edit_forbidden");
    chat.rev += 1;
    message.rev = chat.rev;
    this.tell({ type: "ack", ref: frame.ref, chat: chat.id, seq: frame.seq, rev: chat.rev });
    const at = new Date(this.server.now()).toISOString();
    return this.server.toChat(chat, { ...apply(message, at), chat: chat.id, seq: frame.seq, rev: chat.rev, by: person(this.user) });
  }
}

const REQUESTS = {
  send(connection, frame, chat) {
    if (!connection.chats.has(frame.chat)) return connection.refuse(frame, "not_subscribed");
    if (chat.state === "closed") return connection.refuse(frame, "chat_closed");
    if (frame.text.length > 16_384) return connection.refuse(frame, "message_too_long", "16384 bytes at most");
    const { user, server } = connection;
    const lost = server.loses();
    const { message } = server.post(frame.chat, user.login, frame.text, frame);
    if (lost) return connection.end(1006, "");
    return connection.tell({ type: "ack", ref: frame.ref, chat: frame.chat, id: frame.id, seq: message.seq, sent_at: message.sent_at });
  },
  subscribe: (connection, frame) => connection.subscribe(frame),
  unsubscribe(connection, frame) {
    connection.chats.delete(frame.chat);
    connection.tell({ type: "unsubscribed", ref: frame.ref, chat: frame.chat });
  },
  history(connection, { ref, chat: id, before = Infinity, limit = PAGE }, chat) {
    const older = chat.messages.filter(({ seq }) => seq < before);
    connection.tell({ type: "history", ref, chat: id, messages: older.slice(-limit).map(shown), more: older.length > limit });
  },
  edit(connection, frame, chat) {
    connection.change(frame, chat, (message, at) => {
      message.text = frame.text;
      message.edited_at = at;
      return { type: "edited", text: frame.text, edited_at: at };
    });
  },
  delete(connection, frame, chat) {
    connection.change(frame, chat, (message, at) => {
      message.text = "";
      message.deleted = true;
      return { type: "deleted", deleted_at: at };
    });
  },
  read(connection, frame, chat) {
    const { id } = connection.user;
    if (frame.seq <= (chat.reads.get(id) ?? 0)) return;
    chat.reads.set(id, frame.seq);
    connection.server.toChat(chat, { type: "read", chat: frame.chat, user: person(connection.user), seq: frame.seq });
  },
  typing(connection, frame, chat) {
    const user = person(connection.user);
    connection.server.toChat(chat, { type: "typing", chat: frame.chat, user, on: frame.on }, connection);
  },
  refresh(connection, frame) {
    connection.tell({ type: "refreshed", ref: frame.ref, token_expires_at: null });
  },
  ping: (connection) => connection.tell({ type: "pong" }),
};

/** The browser's WebSocket, its other end being a [`FakeServer`] in the same process. */
class FakeWebSocket extends EventTarget {
  readyState = 0;
  #connection = null;

  constructor(server, url, protocols = []) {
    super();
    const later = (act) => setTimeout(act, 0);
    const peer = {
      send: (data) => later(() => this.readyState === 1 && this.dispatchEvent(new MessageEvent("message", { data }))),
      close: (code, reason) => later(() => this.#end(code, reason)),
    };
    later(() => {
      if (this.readyState !== 0) return;
      if (server.down) return this.#end(1006, "");
      this.readyState = 1;
      this.dispatchEvent(new Event("open"));
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

function person({ id, name, role }) {
  return { id, name, role };
}

function shown({ rev, ...message }) {
  return { ...message };
}

function numbers(params) {
  const from = {};
  for (const name of ["after", "rev"]) if (params.has(name)) from[name] = Number(params.get(name));
  return from;
}

function codeOf(cause) {
  return CAUSES.get(cause)?.code || 1011;
}

function ok(json) {
  return { status: 200, json };
}

function refused(cause, status, detail = "") {
  const title = CAUSE_TITLES[cause]?.en ?? cause;
  return { status, json: { type: `/docs/causes/${cause}`, title, status, detail, cause, retry: CAUSES.get(cause)?.retry } };
}
