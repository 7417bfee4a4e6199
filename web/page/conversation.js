/**
 * @file One chat as the page knows it: stored messages, those still on their way, who has read how far.
 *
 * Plain data in, rows to draw out. No element, no socket.
 */

/** Messages of one person within this time stand together under one name. */
const TOGETHER_MS = 5 * 60_000;
/** As many come at once where the server sends the latest page. */
const PAGE = 50;
/** Kept in memory; scrolling back fetches what was let go. */
const MAX_KEPT = 1_000;
const KEPT_AFTER = 600;

/**
 * @typedef {object} Outgoing
 * @property {string} id
 * @property {string} text
 * @property {number} at
 * @property {string | null} failed The cause, once it has failed.
 */

export class Conversation {
  /** @type {Map<number, any>} By sequence number. */
  #messages = new Map();
  /** @type {Map<string, Outgoing>} By id, in the order in which they were written. */
  #outgoing = new Map();
  /** @type {Map<string, {id: string, name: string}>} Everybody who was heard of. */
  #people = new Map();
  /** @type {Map<string, number>} */
  #reads = new Map();
  /** How far I had read when I opened the chat; null where no line is to be drawn. */
  #unreadAfter = null;

  title = "";
  state = "open";
  /** Subscribed at this moment. */
  live = false;
  /** Just opened: where the new ones begin is still to be marked. */
  entering = true;
  closedBy = null;
  rev = 0;
  /** Whether there is something older than the first message here. */
  more = true;
  loaded = false;
  /** @type {Map<string, {id: string, name: string}>} */
  online = new Map();
  /** @type {Map<string, number>} User to the time at which it is taken for over. */
  typing = new Map();

  constructor(chat, me) {
    this.chat = chat;
    this.me = me;
  }

  get lastSeq() {
    return Math.max(0, ...this.#messages.keys());
  }

  get firstSeq() {
    return this.#messages.size === 0 ? undefined : Math.min(...this.#messages.keys());
  }

  /** @param {any} frame A `subscribed`. @returns {boolean} True when older messages must be asked for. */
  subscribed(frame) {
    Object.assign(this, { live: true, title: frame.title, state: frame.state, rev: frame.rev ?? this.rev });
    this.online = new Map(frame.members_online.map((user) => [user.id, user]));
    this.typing.clear();
    for (const user of frame.members_online) this.#people.set(user.id, user);
    for (const { user, seq } of frame.reads ?? []) this.read(user, seq);
    if (frame.resumed) return false;
    this.#messages.clear();
    this.more = true;
    if (frame.messages.length > 0) this.page({ messages: frame.messages, more: frame.messages[0].seq > 1 });
    return this.more && frame.messages.length < PAGE;
  }

  /** @param {{messages: any[], more: boolean}} page Older messages, or the first ones. */
  page({ messages, more }) {
    for (const message of messages) if (!this.#messages.has(message.seq)) this.#keep(message);
    this.more = more;
    this.loaded = true;
  }

  /** @returns {boolean} False for one that is here already. */
  add(message) {
    if (this.#messages.has(message.seq)) return false;
    this.#keep(message);
    this.typing.delete(message.author.id);
    // Who writes has read.
    this.read(message.author.id, message.seq);
    return true;
  }

  /** Lets the oldest go; only while nobody is reading them. */
  forgetOldest() {
    if (this.#messages.size <= MAX_KEPT) return;
    const oldest = [...this.#messages.keys()].sort((a, b) => a - b).slice(0, -KEPT_AFTER);
    for (const seq of oldest) this.#messages.delete(seq);
    this.more = true;
  }

  #keep(message) {
    this.#messages.set(message.seq, message);
    this.#outgoing.delete(message.id);
    this.#people.set(message.author.id, message.author);
  }

  edited({ seq, text, edited_at, rev }) {
    this.#change(seq, rev, { text, edited_at });
  }

  deleted({ seq, rev }) {
    this.#change(seq, rev, { text: "", deleted: true });
  }

  #change(seq, rev, fields) {
    if (rev !== undefined) this.rev = Math.max(this.rev, rev);
    const message = this.#messages.get(seq);
    if (message) this.#messages.set(seq, { ...message, ...fields });
  }

  write(id, text, at) {
    this.#outgoing.set(id, { id, text, at, failed: null });
  }

  /** The ack may come before the message itself. */
  acked({ id, seq, sent_at }) {
    const outgoing = this.#outgoing.get(id);
    if (outgoing) this.add({ seq, id, author: this.me, text: outgoing.text, sent_at });
  }

  failed(id, cause) {
    const outgoing = this.#outgoing.get(id);
    if (outgoing) this.#outgoing.set(id, { ...outgoing, failed: cause });
  }

  /** @returns {Outgoing | undefined} */
  outgoing(id) {
    return this.#outgoing.get(id);
  }

  discard(id) {
    this.#outgoing.delete(id);
  }

  read(user, seq) {
    this.#reads.set(user, Math.max(seq, this.#reads.get(user) ?? 0));
  }

  readUpTo(user) {
    return this.#reads.get(user) ?? 0;
  }

  /**
   * Remembers where the new ones begin, for the line across the chat.
   * @param {number} count As my list of chats had it.
   * @param {number} lastSeq The chat's last message.
   */
  markUnread(count, lastSeq = this.lastSeq) {
    this.entering = false;
    if (count === 0) this.#unreadAfter = null;
    else this.#unreadAfter = this.#reads.get(this.me.id) ?? lastSeq - count;
  }

  /** Unread messages among those that are here. */
  get unread() {
    return this.#theirsAfter(this.readUpTo(this.me.id)).length;
  }

  #theirsAfter(seen) {
    return [...this.#messages.values()].filter(({ seq, author }) => seq > seen && author.id !== this.me.id);
  }

  /** The connection is gone: who is there and who writes is not known any more. */
  lost() {
    this.live = false;
    this.online.clear();
    this.typing.clear();
  }

  /** @param {{id: string, name: string}} user @param {number} until Zero when they stopped. */
  types(user, until) {
    this.#people.set(user.id, user);
    if (until > 0) this.typing.set(user.id, until);
    else this.typing.delete(user.id);
  }

  presence({ user, state }) {
    this.#people.set(user.id, user);
    if (state === "joined") this.online.set(user.id, user);
    else this.online.delete(user.id);
    if (state === "left") this.typing.delete(user.id);
  }

  nameOf(user) {
    return this.#people.get(user)?.name ?? user;
  }

  /** My last message that can still be edited. */
  lastOwn() {
    const own = [...this.#messages.values()].filter(({ author, deleted }) => author.id === this.me.id && !deleted);
    return own.sort((a, b) => a.seq - b.seq).at(-1);
  }

  message(seq) {
    return this.#messages.get(seq);
  }

  /** @returns {any[]} What stands on the screen, top to bottom. */
  rows() {
    const rows = [];
    const fresh = this.#unreadAfter === null ? [] : this.#theirsAfter(this.#unreadAfter);
    const firstFresh = Math.min(...fresh.map(({ seq }) => seq));
    let day = "";
    let before = null;
    const place = (entry, at) => {
      if (at.toDateString() !== day) {
        day = at.toDateString();
        rows.push({ kind: "day", key: `day ${day}`, at });
        before = null;
      }
      if (entry.seq === firstFresh) {
        rows.push({ kind: "unread", key: "unread", count: fresh.length });
        before = null;
      }
      const first = before?.author.id !== entry.author.id || at - before.at > TOGETHER_MS;
      if (!first) before.last = false;
      before = { kind: "message", key: entry.id, ...entry, at, first, last: true, ...this.#rights(entry) };
      rows.push(before);
    };
    for (const message of [...this.#messages.values()].sort((a, b) => a.seq - b.seq)) {
      place({ ...message, readBy: this.#readersOf(message) }, new Date(message.sent_at));
    }
    for (const { id, text, at, failed } of this.#outgoing.values()) {
      place({ id, text, failed, author: this.me, pending: true, readBy: [] }, new Date(at));
    }
    return rows;
  }

  #rights({ author, seq, deleted }) {
    const mine = author.id === this.me.id;
    return { mine, changeable: seq !== undefined && !deleted && (mine || this.me.role === "agent") };
  }

  /** @returns {string[]} Names; nobody reads their own message. */
  #readersOf({ seq, author }) {
    if (author.id !== this.me.id) return [];
    const readers = [...this.#reads].filter(([user, upTo]) => user !== this.me.id && upTo >= seq);
    return readers.map(([user]) => this.nameOf(user));
  }
}
