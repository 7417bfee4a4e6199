/**
 * @file The messages of the open chat: days, bubbles, ticks, and what can be done with one's own.
 *
 * Rows come from a Conversation; an element is kept as long as its row says the same, so that scrolling,
 * focus and selection survive what goes on around them.
 */
import { avatar, h, icon, iconButton, linked } from "./dom.js";
import { causeTitle, clock, dayName, fullTime, names, t } from "./words.js";

/** This near to the end counts as being at the end. */
const AT_END_PX = 60;
const LOAD_OLDER_PX = 240;
const ONLY_EMOJI = /^(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}|\p{Emoji_Modifier}|\u200d|\ufe0f|\s){1,12}$/u;

export class Timeline {
  /** @type {Map<string, {element: HTMLElement, says: string}>} */
  #drawn = new Map();
  #rows = h("ol", { class: "rows", "aria-label": t("messages") });
  #older = h("li", { class: "older quiet" });
  #jumpCount = h("span", { class: "jump-count", "aria-hidden": "true" });
  #jump;
  #scroller;
  #active = null;
  #unseen = 0;

  /** @param {{older(): void, edit(seq: number): void, remove(seq: number): void, retry(id: string): void, discard(id: string): void, seen(): void}} act */
  constructor(act) {
    this.act = act;
    this.#scroller = h("div", { class: "timeline", on: { scroll: () => this.#scrolled() } }, this.#rows);
    this.#jump = iconButton("down", t("toBottom"), () => this.toEnd(true), { class: "jump", hidden: true });
    this.#jump.append(this.#jumpCount);
    this.#rows.addEventListener("keydown", (event) => this.#key(event));
    this.#rows.addEventListener("focusin", (event) => this.#activate(event.target.closest(".message")));
    this.element = h("div", { class: "timeline-frame" }, this.#scroller, this.#jump);
    // A phone's keyboard or a banner makes the room smaller: what was at the end stays at the end.
    new ResizeObserver(() => this.#wasAtEnd && this.toEnd()).observe(this.#scroller);
  }

  #wasAtEnd = true;

  get atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < AT_END_PX;
  }

  toEnd(smooth = false) {
    this.#scroller.scrollTo({ top: this.#scroller.scrollHeight, behavior: smooth ? "smooth" : "instant" });
    this.#wasAtEnd = true;
    this.#unseen = 0;
    this.#showJump();
  }

  /**
   * @param {import("./conversation.js").Conversation} conversation
   * @param {{arrived?: number, follow?: boolean}} [change] How many came in; whether to go to the end whatever.
   */
  update(conversation, { arrived = 0, follow = false } = {}) {
    const stay = follow || this.#wasAtEnd;
    const rows = conversation.rows();
    const heightBefore = this.#scroller.scrollHeight;
    const firstBefore = this.#rows.children[1];
    const topBefore = this.#scroller.scrollTop;
    this.#sayOlder(conversation);
    this.#draw(rows);
    this.#keepTabStop();
    if (stay) return this.toEnd();
    // Older messages came in above: what is being read must not move.
    if (firstBefore?.isConnected && firstBefore !== this.#rows.children[1]) {
      this.#scroller.scrollTop = topBefore + this.#scroller.scrollHeight - heightBefore;
    }
    this.#unseen += arrived;
    return this.#showJump();
  }

  /** Puts the line of the new messages where it can be seen. */
  toUnread() {
    const line = this.#drawn.get("unread")?.element;
    if (!line) return this.toEnd();
    this.#scroller.scrollTop = line.offsetTop - 80;
    this.#wasAtEnd = this.atEnd;
    return this.#showJump();
  }

  focusLast() {
    this.#rows.querySelector(".message:last-child")?.focus();
  }

  #draw(rows) {
    const kept = new Set(rows.map(({ key }) => key));
    for (const [key, { element }] of this.#drawn) {
      if (kept.has(key)) continue;
      element.remove();
      this.#drawn.delete(key);
    }
    let before = this.#older;
    const newest = rows.at(-1);
    for (const row of rows) {
      const element = this.#elementOf(row, row === newest);
      if (before.nextSibling !== element) before.after(element);
      before = element;
    }
  }

  #elementOf(row, isNewest) {
    const says = JSON.stringify(row);
    const drawn = this.#drawn.get(row.key);
    if (drawn?.says === says) return drawn.element;
    const element = this.#build(row);
    if (drawn) {
      const hadFocus = drawn.element.contains(document.activeElement);
      drawn.element.replaceWith(element);
      if (this.#active === drawn.element) this.#activate(element);
      if (hadFocus) element.focus();
    } else if (isNewest && this.#drawn.size > 0) {
      element.classList.add("arrives");
    }
    this.#drawn.set(row.key, { element, says });
    return element;
  }

  #build(row) {
    if (row.kind === "day") return h("li", { class: "day" }, h("span", {}, dayName(row.at)));
    if (row.kind === "unread") return h("li", { class: "unread-line" }, h("span", {}, t("newMessages", { n: row.count })));
    return this.#message(row);
  }

  #message(row) {
    const { mine, first, last, author, deleted, failed, text } = row;
    const classes = ["message", mine ? "mine" : "theirs", first && "first", last && "last", deleted && "is-deleted", failed && "has-failed"];
    const big = !deleted && ONLY_EMOJI.test(text);
    return h(
      "li",
      { class: classes.filter(Boolean).join(" "), tabindex: "-1", "data-seq": row.seq ?? null, "data-id": row.id },
      !mine && (last ? avatar(author, "small") : h("span", { class: "avatar-gap" })),
      h(
        "div",
        { class: "bubble-frame" },
        first && h("span", { class: mine ? "unseen" : "author", dir: "auto" }, mine ? t("you") : author.name),
        h(
          "div",
          { class: `bubble${big ? " big" : ""}` },
          h("span", { class: "text", dir: "auto" }, ...(deleted ? [t("deleted")] : linked(text))),
          this.#meta(row),
          row.changeable && this.#tools(row),
        ),
        failed && this.#failure(row),
      ),
    );
  }

  #meta({ at, edited_at, deleted, mine, pending, failed, readBy }) {
    const edited = edited_at && !deleted && h("span", { class: "edited" }, t("edited"));
    return h("span", { class: "meta" }, edited, h("time", { datetime: at.toISOString(), title: fullTime(at) }, clock(at)), mine && !deleted && tick({ pending, failed, readBy }));
  }

  #tools({ seq }) {
    return h(
      "span",
      { class: "tools" },
      iconButton("edit", t("edit"), () => this.act.edit(seq), { tabindex: "-1" }),
      iconButton("trash", t("delete"), () => this.act.remove(seq), { tabindex: "-1" }),
    );
  }

  #failure({ id, failed }) {
    return h(
      "div",
      { class: "failure" },
      h("span", { class: "failure-why" }, icon("alert"), `${t("notSent")}: ${causeTitle(failed)}`),
      h("button", { type: "button", class: "link", on: { click: () => this.act.retry(id) } }, t("retry")),
      h("button", { type: "button", class: "link", on: { click: () => this.act.discard(id) } }, t("discard")),
    );
  }

  #sayOlder({ more, loaded }) {
    if (!this.#older.isConnected) this.#rows.prepend(this.#older);
    if (!loaded) this.#older.textContent = t("loading");
    else this.#older.textContent = more ? t("loadingOlder") : t("start");
  }

  #scrolled() {
    this.#wasAtEnd = this.atEnd;
    if (this.#wasAtEnd) this.#unseen = 0;
    if (this.#scroller.scrollTop < LOAD_OLDER_PX) this.act.older();
    if (this.#wasAtEnd) this.act.seen();
    this.#showJump();
  }

  #showJump() {
    this.#jump.hidden = this.#wasAtEnd;
    this.#jumpCount.textContent = this.#unseen > 0 ? String(this.#unseen) : "";
  }

  // One tab stop for all messages; the arrows move it.

  #keepTabStop() {
    if (this.#active?.isConnected && this.#rows.contains(document.activeElement)) return;
    const last = [...this.#rows.querySelectorAll(".message")].at(-1) ?? null;
    this.#activate(last);
  }

  #activate(message) {
    if (!message || message === this.#active) return;
    for (const [element, index] of [[this.#active, "-1"], [message, "0"]]) {
      element?.setAttribute("tabindex", index);
      for (const button of element?.querySelectorAll(".tools button") ?? []) button.setAttribute("tabindex", index);
    }
    this.#active = message;
  }

  #key(event) {
    const message = event.target.closest(".message");
    if (!message || event.target !== message) return;
    const all = [...this.#rows.querySelectorAll(".message")];
    const at = all.indexOf(message);
    const goal = { ArrowUp: all[at - 1], ArrowDown: all[at + 1], Home: all[0], End: all.at(-1) }[event.key];
    if (goal) {
      event.preventDefault();
      goal.focus();
      goal.scrollIntoView({ block: "nearest" });
    }
    const tools = message.querySelectorAll(".tools button");
    const tool = { Enter: tools[0], Delete: tools[1] }[event.key];
    if (!tool) return;
    // Else the key goes on into the field that gets the focus.
    event.preventDefault();
    tool.click();
  }
}

function tick({ pending, failed, readBy }) {
  const [name, label] = failed
    ? ["alert", t("notSent")]
    : pending
      ? ["clock", t("waitingToSend")]
      : readBy.length > 0
        ? ["ticks", t("readBy", { names: names(readBy) })]
        : ["tick", t("sent")];
  return h("span", { class: `tick tick-${name}`, role: "img", "aria-label": label, title: label }, icon(name));
}
