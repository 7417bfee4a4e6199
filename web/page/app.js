/**
 * @file The signed-in page: one connection, my chats, the open one, and what keeps them in step.
 *
 * Events of the client change the model (chats, conversations); the views are then told to draw it. The
 * open chat is the one that is subscribed; the others move by their `inbox` frames.
 */
import { Charla } from "/assets/charla/index.js";
import { POLICY } from "/assets/charla/policy.js";
import { ChatPane } from "./chat.js";
import { Conversation } from "./conversation.js";
import { h } from "./dom.js";
import { notice } from "./notice.js";
import { emptyPane, Sidebar } from "./sidebar.js";
import { Banner, problemCard } from "./status.js";
import { setLanguage, t } from "./words.js";

/** Somebody who says no more within this time has stopped writing. */
const TYPING_LASTS_MS = 6_000;

export class App {
  me = null;
  /** @type {Map<string, any>} */
  chats = new Map();
  /** @type {Map<string, Conversation>} */
  conversations = new Map();
  open = null;
  loaded = false;
  #drafts = new Map();
  #wasUp = false;
  #pane = null;
  #door = null;
  #loading = null;
  #leave = new AbortController();

  /** @param {HTMLElement} root @param {import("./session.js").Session} session @param {{signOut(): void}} act */
  constructor(root, session, act) {
    this.root = root;
    this.session = session;
    this.act = act;
    this.charla = this.#client("/ws/");
    const listen = (type, handle) => this.charla.on(type, handle);
    listen("state", (state) => this.#connection(state));
    listen("welcome", (frame) => this.#welcome(frame));
    listen("subscribed", (frame) => this.#subscribed(frame));
    listen("message", (message) => this.#message(message));
    listen("edited", (frame) => this.#change(frame.chat, (it) => it.edited(frame)));
    listen("deleted", (frame) => this.#change(frame.chat, (it) => it.deleted(frame)));
    listen("read", (frame) => this.#change(frame.chat, (it) => it.read(frame.user.id, frame.seq)));
    listen("typing", (frame) => this.#typing(frame));
    listen("presence", (frame) => this.#people(frame.chat, (it) => it.presence(frame)));
    listen("closed", (frame) => this.#change(frame.chat, (it) => Object.assign(it, { state: "closed", closedBy: frame })));
    listen("reopened", (frame) => this.#change(frame.chat, (it) => Object.assign(it, { state: "open", closedBy: null })));
    listen("inbox", (frame) => this.#inbox(frame));
    listen("notification", (frame) => this.notices.append(notice(frame)));
  }

  start() {
    const { signal } = this.#leave;
    addEventListener("popstate", () => this.#route(), { signal });
    addEventListener("focus", () => this.#seen(), { signal });
    document.addEventListener("visibilitychange", () => this.#seen(), { signal });
    this.#build();
    this.charla.connect();
    this.#load().finally(() => this.#route());
  }

  stop() {
    this.#leave.abort();
    this.#door?.close();
    this.charla.close();
  }

  #client(url) {
    return new Charla({ url, tenant: this.session.tenant ?? undefined, token: (why) => this.session.token(why) });
  }

  #signOut = () => {
    this.stop();
    this.session.end();
    document.title = "Charla";
    this.act.signOut();
  };

  /** Everything on the screen, anew; also after a change of language. */
  #build() {
    this.sidebar = new Sidebar({
      open: (chat) => this.go(chat),
      signOut: this.#signOut,
      support: () => this.#support(),
      changeLanguage: (tag) => {
        this.#keepDraft();
        setLanguage(tag);
        this.#build();
        this.#show();
        this.frame.querySelector(`.languages [lang="${tag}"]`).focus();
      },
    });
    this.banner = new Banner(this.#remedies());
    this.body = h("main", { class: "pane" });
    this.log = h("div", { class: "unseen", role: "log", "aria-live": "polite" });
    this.notices = h("div", { class: "notices", role: "status" });
    this.frame = h("div", { class: "frame" }, this.sidebar.element, h("div", { class: "stage" }, this.banner.element, this.body), this.banner.live, this.log, this.notices);
    this.root.replaceChildren(this.frame);
    this.banner.update(this.charla.state, this.#wasUp);
    this.#drawList();
  }

  #remedies() {
    return {
      cycles: POLICY.cycles,
      tryNow: () => this.charla.connect(),
      signIn: this.#signOut,
      report: () => this.charla.report(),
    };
  }

  // Where we are: /?chat=5

  go(chat) {
    if (chat !== this.#wanted()) history.pushState(null, "", chat === null ? "/" : `/?chat=${encodeURIComponent(chat)}`);
    this.#route();
  }

  #wanted() {
    return new URLSearchParams(location.search).get("chat");
  }

  #route() {
    const chat = this.#wanted();
    if (chat === this.open && (this.#pane || this.#door)) return;
    this.#keepDraft();
    this.#door?.close();
    this.#door = null;
    if (this.open !== null) this.charla.unsubscribe(this.open);
    this.open = chat;
    if (chat !== null && this.loaded && !this.chats.has(chat)) this.#knock(chat);
    else if (chat !== null) this.#enter(chat);
    this.#show();
    this.#pane?.focus();
  }

  #show() {
    this.frame.dataset.view = this.open === null ? "list" : "chat";
    this.#drawList();
    if (this.#showsRefusal()) return;
    const conversation = this.conversations.get(this.open);
    if (!conversation) {
      this.#pane = null;
      this.body.replaceChildren(emptyPane());
      return;
    }
    this.#pane = new ChatPane(conversation, this.#paneActs(conversation));
    this.#pane.draft = this.#drafts.get(this.open) ?? "";
    this.body.replaceChildren(this.#pane.element);
    this.#pane.update({ follow: true });
  }

  /** A connection that never came up has nothing else to show than why. */
  #showsRefusal() {
    const { state } = this.charla;
    if (state.name !== "disabled" || this.#wasUp) return false;
    this.#pane = null;
    this.banner.element.hidden = true;
    this.frame.dataset.view = "chat";
    this.body.replaceChildren(problemCard(state, this.#remedies()));
    return true;
  }

  #paneActs(conversation) {
    const { chat } = conversation;
    return {
      back: () => this.go(null),
      older: () => this.#older(conversation),
      seen: () => this.#seen(),
      send: (text) => this.#send(conversation, text),
      retry: (id) => this.#send(conversation, conversation.outgoing(id).text, id),
      discard: (id) => this.#change(chat, (it) => it.discard(id)),
      edit: (seq, text) => this.charla.edit(chat, seq, text).catch((error) => this.#sayRefusal(error)),
      remove: (seq) => this.charla.delete(chat, seq).catch((error) => this.#sayRefusal(error)),
      typing: (on) => this.charla.typing(chat, on),
    };
  }

  #keepDraft() {
    if (this.#pane && this.open !== null) this.#drafts.set(this.open, this.#pane.draft);
  }

  // Entering a chat

  #enter(chat) {
    const known = this.conversations.get(chat);
    const conversation = known ?? new Conversation(chat, this.me ?? {});
    conversation.entering = true;
    conversation.title ||= this.chats.get(chat)?.title ?? "";
    this.conversations.set(chat, conversation);
    const from = known?.loaded ? { after: known.lastSeq, rev: known.rev } : {};
    this.charla.subscribe(chat, from).catch((error) => this.#refusedChat(chat, error));
  }

  /** A chat that is not in my list: its own address says, by a close code of its own, whether I may enter. */
  #knock(chat) {
    const door = this.#client(`/ws/chat/${encodeURIComponent(chat)}/`);
    this.#door = door;
    door.on("state", (state) => {
      if (this.#door !== door) return;
      if (state.name === "connected") {
        this.#door = null;
        door.close();
        this.#enter(chat);
        this.#show();
      }
      if (state.name === "disabled") this.#refuseChat(state, () => door.report());
    });
    door.connect();
  }

  #refusedChat(chat, { cause, retry, message }) {
    if (chat !== this.open || cause === "unsubscribed" || retry !== "stop" || this.charla.state.name === "disabled") return;
    if (this.charla.state.name === "closed") return;
    this.conversations.delete(chat);
    // The error frame carries no code; the door of that chat closes with one.
    if (!this.#door) this.#knock(chat);
    else this.#refuseChat({ cause, code: 1006, detail: message }, () => this.charla.report());
  }

  #refuseChat(problem, report) {
    this.#pane = null;
    const again = () => {
      this.open = null;
      this.#route();
    };
    this.body.replaceChildren(problemCard(problem, { ...this.#remedies(), tryNow: again, toChats: () => this.go(null), report }));
  }

  async #support() {
    const { chat } = await this.session.api("/api/v1/me/support-chat", { method: "POST" });
    await this.#load();
    this.go(chat);
  }

  // What the server tells

  #connection(state) {
    this.banner.update(state, this.#wasUp);
    this.frame.dataset.connection = state.name;
    if (state.name === "connected") this.#wasUp = true;
    else if (state.previous === "connected") this.#lost();
    if (state.name === "disabled" || state.previous === "disabled") this.#show();
  }

  #lost() {
    for (const conversation of this.conversations.values()) conversation.lost();
    this.#pane?.update();
  }

  #welcome({ user }) {
    const first = this.me === null;
    this.me = user;
    for (const conversation of this.conversations.values()) conversation.me = user;
    if (!first || !this.loaded) this.#load();
    this.#drawList();
  }

  /** My list of chats; asked for once at a time. */
  #load() {
    this.#loading ??= this.#fetchChats().finally(() => (this.#loading = null));
    return this.#loading;
  }

  async #fetchChats() {
    try {
      const { chats } = await this.session.api("/api/v1/me/chats");
      this.chats = new Map(chats.map((chat) => [chat.chat, this.#listed(chat)]));
      this.loaded = true;
    } catch {
      // The connection has the same trouble, and says so.
    }
    this.#drawList();
  }

  /** Of a chat before our eyes we know more than a list that was under way. */
  #listed(chat) {
    const open = chat.chat === this.open ? this.conversations.get(chat.chat) : undefined;
    const unread = open?.live && open.loaded ? open.unread : chat.unread;
    return { ...chat, unread, title: titleOf(chat) };
  }

  async #subscribed(frame) {
    const conversation = this.conversations.get(frame.chat);
    if (!conversation) return;
    const unread = this.chats.get(frame.chat)?.unread ?? 0;
    const bare = conversation.subscribed({ ...frame, title: titleOf(frame) });
    const { entering } = conversation;
    if (entering) conversation.markUnread(unread, frame.seq);
    if (bare || !conversation.loaded) await this.#older(conversation);
    if (frame.chat !== this.open) return;
    if (!entering) {
      this.#pane?.update();
      return;
    }
    this.#pane?.update({ follow: true });
    if (unread > 0) this.#pane?.toUnread();
    this.#seen();
  }

  async #older(conversation) {
    if (conversation.asking || !conversation.more) return;
    conversation.asking = true;
    try {
      conversation.page(await this.charla.history(conversation.chat, { before: conversation.firstSeq }));
    } catch {
      // Asked again by the next scroll or the next subscription.
    } finally {
      conversation.asking = false;
    }
    if (conversation.chat === this.open) this.#pane?.update();
  }

  #message(message) {
    const conversation = this.conversations.get(message.chat);
    if (!conversation?.add(message)) return;
    const theirs = message.author.id !== this.me.id;
    this.#moved(message.chat, { seq: message.seq, last: message, unread: theirs ? conversation.unread : undefined });
    if (message.chat !== this.open || this.#pane?.atEnd) conversation.forgetOldest();
    if (message.chat === this.open) this.#pane?.update({ arrived: theirs ? 1 : 0 });
    if (theirs) this.#announce(`${message.author.name}: ${message.text}`);
    this.#seen();
  }

  #unread(chat) {
    return this.chats.get(chat)?.unread ?? 0;
  }

  #inbox({ seq, unread, preview, author, sent_at, ...frame }) {
    const { chat } = frame;
    const title = titleOf(frame);
    const isNew = !this.chats.has(chat);
    if (chat !== this.open) this.#moved(chat, { chat, title, seq, unread, last: { author, text: preview, sent_at } });
    if (isNew) this.#load();
    if (chat !== this.open && author?.id !== this.me?.id) this.#announce(`${title}. ${author?.name ?? ""}: ${preview}`);
  }

  #moved(chat, fields) {
    const known = this.chats.get(chat) ?? { chat, state: "open" };
    const told = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
    this.chats.set(chat, { ...known, ...told });
    this.#drawList();
  }

  #typing({ chat, user, on }) {
    if (user.id === this.me?.id) return;
    this.#people(chat, (it) => it.types(user, on ? Date.now() + TYPING_LASTS_MS : 0));
    if (on) setTimeout(() => this.#pane?.updateHead(), TYPING_LASTS_MS + 50);
  }

  /** What only the head of the chat shows. */
  #people(chat, apply) {
    const conversation = this.conversations.get(chat);
    if (conversation) apply(conversation);
    if (chat === this.open) this.#pane?.updateHead();
  }

  #change(chat, apply) {
    const conversation = this.conversations.get(chat);
    if (!conversation) return;
    apply(conversation);
    const known = this.chats.get(chat);
    if (known?.last) this.#moved(chat, { last: conversation.message(known.last.seq), state: conversation.state });
    if (chat === this.open) this.#pane?.update();
  }

  // What I do

  #send(conversation, text, again) {
    const { chat } = conversation;
    // After an end, a person who insists starts it anew.
    if (again && this.charla.state.name === "disabled") this.charla.connect();
    const sending = this.charla.send(chat, text, again ? { id: again } : {});
    if (again) conversation.discard(again);
    conversation.write(sending.id, text, Date.now());
    conversation.markUnread(0);
    this.#pane?.update({ follow: true });
    sending.then(
      (ack) => this.#change(chat, (it) => it.acked(ack)),
      ({ cause }) => this.#change(chat, (it) => it.failed(sending.id, cause)),
    );
  }

  /** What stands before the reader's eyes is read. */
  #seen() {
    const conversation = this.conversations.get(this.open);
    if (document.hidden || !document.hasFocus() || !this.#pane?.atEnd || !conversation?.loaded) return this.#drawTitle();
    const { lastSeq, me } = conversation;
    if (this.#unread(this.open) > 0) this.#moved(this.open, { unread: 0 });
    if (lastSeq > conversation.readUpTo(me.id) && this.charla.connected) {
      conversation.read(me.id, lastSeq);
      this.charla.read(this.open, lastSeq);
    }
    return this.#drawTitle();
  }

  #sayRefusal({ cause, detail }) {
    this.notices.append(notice({ cause, text: detail }));
  }

  #announce(text) {
    this.log.append(h("p", {}, text));
    while (this.log.childElementCount > 5) this.log.firstElementChild.remove();
  }

  #drawList() {
    this.sidebar.update(this);
    this.#drawTitle();
  }

  #drawTitle() {
    const unread = [...this.chats.values()].reduce((sum, chat) => sum + (chat.unread ?? 0), 0);
    const { title } = this.conversations.get(this.open) ?? {};
    document.title = `${unread > 0 ? `(${unread}) ` : ""}${title ? `${title} · ` : ""}Charla`;
  }
}

/** A chat that nobody gave a title goes by its id. */
function titleOf({ chat, title }) {
  return title || t("chatNamed", { chat });
}
