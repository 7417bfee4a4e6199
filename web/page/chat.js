/** @file The open chat: its head, its messages, and where to write. */
import { Composer } from "./composer.js";
import { avatar, h, iconButton } from "./dom.js";
import { Timeline } from "./timeline.js";
import { names, t } from "./words.js";

export class ChatPane {
  #conversation;
  #title = h("h2", { dir: "auto" });
  #subtitle = h("p", { class: "subtitle" });
  #face = h("span", { class: "face" });
  #timeline;
  #composer;
  #closed = h("p", { class: "closed-note", role: "status", hidden: true });
  #dialog;

  /** @param {import("./conversation.js").Conversation} conversation */
  constructor(conversation, act) {
    this.#conversation = conversation;
    this.#composer = new Composer({ ...act, editLast: () => this.#edit(conversation.lastOwn()?.seq) });
    this.#timeline = new Timeline({
      ...act,
      edit: (seq) => this.#edit(seq),
      remove: (seq) => this.#askRemove(seq, act.remove),
    });
    this.#dialog = h("dialog", { class: "dialog", "aria-labelledby": "delete-title" });
    this.element = h(
      "section",
      { class: "chat", "aria-label": conversation.title },
      h(
        "header",
        { class: "chat-head" },
        iconButton("back", t("back"), act.back, { class: "icon-button only-narrow" }),
        this.#face,
        h("div", { class: "chat-head-text" }, this.#title, this.#subtitle),
      ),
      this.#timeline.element,
      this.#composer.element,
      this.#closed,
      this.#dialog,
    );
  }

  get draft() {
    return this.#composer.draft;
  }

  set draft(text) {
    this.#composer.draft = text;
  }

  get atEnd() {
    return this.#timeline.atEnd;
  }

  /** On a phone the keyboard would cover what one came to read. */
  focus() {
    if (matchMedia("(pointer: fine)").matches) this.#composer.focus();
  }

  update(change) {
    this.updateHead();
    this.#timeline.update(this.#conversation, change);
    const { state, closedBy } = this.#conversation;
    this.#composer.element.hidden = state === "closed";
    this.#closed.hidden = state !== "closed";
    this.#closed.textContent = sayClosed(closedBy);
  }

  toUnread() {
    this.#timeline.toUnread();
  }

  updateHead() {
    const { chat, title } = this.#conversation;
    if (this.#title.textContent !== title) {
      this.#title.textContent = title;
      this.#face.replaceChildren(avatar({ id: chat, name: title }, "small"));
    }
    const [text, kind] = this.#presence();
    this.#subtitle.textContent = text;
    this.#subtitle.dataset.kind = kind;
  }

  #presence() {
    const { me, live, online, typing } = this.#conversation;
    if (!live) return [this.#conversation.loaded ? t("notConnected") : "", "away"];
    const now = Date.now();
    const writing = [...typing].filter(([, until]) => until > now).map(([user]) => this.#conversation.nameOf(user));
    if (writing.length > 0) return [t(writing.length === 1 ? "typingOne" : "typingMany", { names: names(writing) }), "typing"];
    const here = [...online.values()].filter(({ id }) => id !== me.id).map(({ name }) => name);
    return here.length > 0 ? [t("onlineNames", { names: names(here) }), "online"] : [t("onlyYou"), "alone"];
  }

  #edit(seq) {
    const message = this.#conversation.message(seq);
    if (message) this.#composer.edit(message);
  }

  #askRemove(seq, remove) {
    const button = (key, kind, value) => h("button", { class: `button ${kind}`, value }, t(key));
    this.#dialog.replaceChildren(
      h(
        "form",
        { method: "dialog" },
        h("h3", { id: "delete-title" }, t("deleteTitle")),
        h("p", { class: "quiet" }, t("deleteText")),
        h("div", { class: "dialog-actions" }, button("cancel", "", "no"), button("delete", "danger", "yes")),
      ),
    );
    this.#dialog.returnValue = "no";
    this.#dialog.onclose = () => this.#dialog.returnValue === "yes" && remove(seq);
    this.#dialog.showModal();
  }
}

function sayClosed(closedBy) {
  if (!closedBy?.by?.name) return t("isClosed");
  const said = t("closedBy", { name: closedBy.by.name });
  return closedBy.reason ? `${said} ${closedBy.reason}` : said;
}
