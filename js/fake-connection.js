/** @file One connection to the server in memory: what each frame of a client sets off. */
// @ts-nocheck: part of fake-server.js, whose users see none of it.
import { CAUSES } from "./src/causes.js";

const PAGE = 50;
const RESUME_LIMIT = 500;

export class Connection {
  /** @type {Set<string>} */
  chats = new Set();

  constructor(server, peer, user, expiresAt) {
    this.expiresAt = expiresAt;
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
    if (this.server.deaf) return;
    const handle = REQUESTS[frame.type];
    if (handle && !this.server.unknown.includes(frame.type)) handle(this, frame, this.server.chats.get(frame.chat));
    else this.refuse(frame, "bad_request");
  }

  welcome() {
    this.tell({
      type: "welcome",
      session: crypto.randomUUID(),
      user: person(this.user),
      tenant: "demo",
      heartbeat_ms: this.server.heartbeatMs,
      token_expires_at: new Date(this.expiresAt).toISOString(),
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
    const isRepeated = chat.ids.has(frame.id);
    const files = isRepeated ? [] : (frame.attachments ?? []).map((id) => server.files.get(id));
    const isFree = (file) => file?.bytes && !file.isSent && file.chat === frame.chat && file.user === user.id;
    if (!files.every(isFree)) return connection.refuse(frame, "attachment_not_found");
    for (const file of files) file.isSent = true;
    const attachments = files.length ? files.map(({ attachment }) => attachment) : undefined;
    const lost = server.loses();
    const { message } = server.post(frame.chat, user.login, frame.text, { ...frame, attachments });
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
  attach(connection, frame) {
    const { ref, chat, name, media_type: type, bytes } = frame;
    if (!connection.chats.has(chat)) return connection.refuse(frame, "not_subscribed");
    const id = crypto.randomUUID();
    connection.server.files.set(id, { chat, user: connection.user.id, attachment: { id, name, type, bytes }, bytes: null, isSent: false });
    return connection.tell({ type: "upload", ref, chat, id, name, method: "PUT", headers: { "content-type": type }, ...addressOf(connection, id) });
  },
  download(connection, frame) {
    const { ref, chat, id } = frame;
    if (!connection.chats.has(chat)) return connection.refuse(frame, "not_subscribed");
    const file = connection.server.files.get(id);
    const may = file?.bytes && file.chat === chat && (file.isSent || file.user === connection.user.id);
    if (!may) return connection.refuse(frame, "attachment_not_found");
    return connection.tell({ type: "download", ref, chat, id, ...addressOf(connection, id) });
  },
  refresh(connection, frame) {
    const gate = connection.server.gate(new URL("ws://fake/ws/"), frame.token);
    if ("cause" in gate) return connection.end(codeOf(gate.cause), gate.cause);
    const expiresAt = Number(frame.token.split("~")[1]);
    return connection.tell({ type: "refreshed", ref: frame.ref, token_expires_at: new Date(expiresAt).toISOString() });
  },
  report: () => {},
  ping: (connection) => connection.tell({ type: "pong" }),
};

function addressOf({ expiresAt }, id) {
  return { url: `/attachments/demo/${id}`, until: new Date(expiresAt).toISOString() };
}

export function person({ id, name, role }) {
  return { id, name, role };
}

function shown({ rev, ...message }) {
  return { ...message };
}

export function codeOf(cause) {
  return CAUSES.get(cause)?.code || 1011;
}
