/** @file The list of my chats, who I am, and the way out. */
import { avatar, h, icon, iconButton, mark } from "./dom.js";
import { languageSwitch } from "./signin.js";
import { shortWhen, t } from "./words.js";

export class Sidebar {
  #list = h("ul", { class: "chat-list" });
  #me = h("div", { class: "me" });
  #empty;
  #loading = h("p", { class: "quiet list-note" }, t("loading"));

  /** @param {{open(chat: string): void, signOut(): void, changeLanguage(tag: string): void, support(): void}} act */
  constructor(act) {
    this.act = act;
    this.#empty = h(
      "div",
      { class: "list-note", hidden: true },
      h("p", {}, t("noChats")),
      h("p", { class: "quiet" }, t("noChatsHint")),
      h("button", { type: "button", class: "button", on: { click: act.support } }, t("support")),
    );
    this.element = h(
      "nav",
      { class: "sidebar", "aria-label": t("chats") },
      h("header", { class: "sidebar-head" }, mark(), h("h1", {}, "Charla"), languageSwitch(act.changeLanguage)),
      h("div", { class: "sidebar-scroll" }, this.#loading, this.#list, this.#empty),
      h("footer", { class: "sidebar-foot" }, this.#me, iconButton("out", t("signOut"), act.signOut)),
    );
  }

  /** @param {{me: any, chats: Map<string, any>, open: string | null, loaded: boolean}} state */
  update({ me, chats, open, loaded }) {
    this.#me.replaceChildren(...(me ? [avatar(me, "small"), h("span", { class: "me-name" }, me.name)] : []));
    this.#loading.hidden = loaded;
    this.#empty.hidden = !loaded || chats.size > 0;
    const focused = document.activeElement?.closest(".chat-list a")?.dataset.chat;
    const byRecency = [...chats.values()].sort((a, b) => when(b) - when(a));
    this.#list.replaceChildren(...byRecency.map((chat) => this.#row(chat, chat.chat === open, me)));
    if (focused) this.#list.querySelector(`[data-chat="${CSS.escape(focused)}"]`)?.focus();
  }

  #row({ chat, title, unread, last, state }, isOpen, me) {
    const at = last ? new Date(last.sent_at) : null;
    const link = h(
      "a",
      {
        href: `/?chat=${encodeURIComponent(chat)}`,
        class: `chat-row${unread > 0 ? " has-unread" : ""}`,
        "data-chat": chat,
        "aria-current": isOpen ? "page" : null,
        on: {
          click: (event) => {
            // Anything but a plain click is the browser's: a new tab, say.
            if (event.metaKey || event.ctrlKey || event.shiftKey) return;
            event.preventDefault();
            this.act.open(chat);
          },
        },
      },
      avatar({ id: chat, name: title }),
      h(
        "span",
        { class: "chat-row-text" },
        h("span", { class: "chat-row-top" }, h("span", { class: "chat-row-title", dir: "auto" }, title), at && h("time", { datetime: at.toISOString() }, shortWhen(at))),
        h(
          "span",
          { class: "chat-row-bottom" },
          h("span", { class: "chat-row-preview", dir: "auto" }, preview(last, me, state)),
          unread > 0 && h("span", { class: "badge" }, h("span", { "aria-hidden": "true" }, unread > 99 ? "99+" : String(unread)), h("span", { class: "unseen" }, t("unread", { n: unread }))),
        ),
      ),
    );
    return h("li", {}, link);
  }
}

function when({ last }) {
  return last ? Date.parse(last.sent_at) : 0;
}

function preview(last, me, state) {
  if (!last) return state === "closed" ? t("isClosed") : t("start");
  if (last.deleted) return t("deleted");
  const who = last.author?.id === me?.id ? t("you") : last.author?.name;
  return who ? `${who}: ${last.text}` : last.text;
}

/** What stands where a chat would, when none is open. */
export function emptyPane() {
  return h(
    "div",
    { class: "empty" },
    h("span", { class: "empty-mark" }, icon("talk")),
    h("h2", {}, t("choose")),
    h("p", { class: "quiet" }, t("chooseHint")),
  );
}
