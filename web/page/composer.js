/** @file Where a message is written, or an old one changed. */
import { h, icon, iconButton } from "./dom.js";
import { t } from "./words.js";

/** The server's limit for one text, in bytes. */
const MAX_BYTES = 16 * 1024;
/** Others are told again while the writing goes on, and told of the end after this pause. */
const TYPING_EVERY_MS = 3_000;
const TYPING_PAUSE_MS = 4_000;

const encoder = new TextEncoder();

export class Composer {
  #text;
  #submit;
  #editBar;
  #excess = h("span", { class: "excess", role: "status" });
  #editing = null;
  /** What was being written before an edit began. */
  #kept = "";
  #toldAt = 0;
  #pause;

  /** @param {{send(text: string): void, edit(seq: number, text: string): void, editLast(): void, typing(on: boolean): void}} act */
  constructor(act) {
    this.act = act;
    this.#text = h("textarea", {
      rows: "1",
      "aria-label": t("write"),
      placeholder: t("write"),
      dir: "auto",
      enterkeyhint: "send",
      on: { input: () => this.#input(), keydown: (event) => this.#key(event), blur: () => this.#stopTyping() },
    });
    this.#submit = h("button", { type: "submit", class: "send", "aria-label": t("send"), title: t("send"), disabled: true }, icon("send"));
    this.#editBar = h(
      "div",
      { class: "edit-bar", hidden: true },
      icon("edit"),
      h("span", {}, t("editing")),
      iconButton("close", t("cancel"), () => this.#endEdit()),
    );
    const submit = (event) => {
      event.preventDefault();
      this.#send();
    };
    this.element = h(
      "form",
      { class: "composer", on: { submit } },
      this.#editBar,
      h("div", { class: "composer-box" }, this.#text, this.#excess, this.#submit),
    );
  }

  get draft() {
    return this.#editing === null ? this.#text.value : this.#kept;
  }

  set draft(text) {
    this.#text.value = text;
    this.#fit();
  }

  focus() {
    this.#text.focus({ preventScroll: true });
  }

  edit({ seq, text }) {
    if (this.#editing === null) this.#kept = this.#text.value;
    this.#editing = seq;
    this.#editBar.hidden = false;
    this.#submit.setAttribute("aria-label", t("save"));
    this.draft = text;
    this.focus();
    this.#text.setSelectionRange(text.length, text.length);
  }

  #endEdit() {
    this.#editing = null;
    this.#editBar.hidden = true;
    this.#submit.setAttribute("aria-label", t("send"));
    this.draft = this.#kept;
    this.#kept = "";
    this.focus();
  }

  #send() {
    const text = this.#text.value.trim();
    if (text === "" || excessOf(text) > 0) return;
    this.#stopTyping();
    if (this.#editing !== null) {
      this.act.edit(this.#editing, text);
      this.#endEdit();
      return;
    }
    this.draft = "";
    this.act.send(text);
    this.focus();
  }

  #input() {
    this.#fit();
    if (this.#editing !== null) return;
    clearTimeout(this.#pause);
    if (this.#text.value === "") return this.#stopTyping();
    this.#pause = setTimeout(() => this.#stopTyping(), TYPING_PAUSE_MS);
    if (Date.now() - this.#toldAt < TYPING_EVERY_MS) return undefined;
    this.#toldAt = Date.now();
    return this.act.typing(true);
  }

  #stopTyping() {
    clearTimeout(this.#pause);
    if (this.#toldAt === 0) return;
    this.#toldAt = 0;
    this.act.typing(false);
  }

  /** As tall as the text, up to where the style sheet says stop. */
  #fit() {
    const text = this.#text.value;
    // Browsers that know `field-sizing` do this by themselves.
    if (!CSS.supports("field-sizing", "content") && this.#text.isConnected) {
      this.#text.style.height = "auto";
      this.#text.style.height = `${this.#text.scrollHeight}px`;
    }
    const excess = excessOf(text);
    this.#excess.textContent = excess > 0 ? t("tooLong", { n: excess }) : "";
    this.#submit.disabled = text.trim() === "" || excess > 0;
  }

  #key(event) {
    // An input method uses Enter and the arrows for itself.
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.#send();
    } else if (event.key === "Escape" && this.#editing !== null) {
      this.#endEdit();
    } else if (event.key === "ArrowUp" && this.#text.value === "" && this.#editing === null) {
      event.preventDefault();
      this.act.editLast();
    }
  }
}

function excessOf(text) {
  return Math.max(0, encoder.encode(text.trim()).length - MAX_BYTES);
}
