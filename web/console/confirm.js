/** @file Asking once more before something is changed, and the form that asks for the operator's key. */
import { h } from "/assets/web/page/dom.js";
import { code } from "./operator.js";
import { isSaid, say } from "./overview-words.js";
import { t } from "./words.js";

/**
 * Asks once more, and says what came of it where it did not work.
 * @param {object} question
 * @param {string} question.title
 * @param {string} question.text
 * @param {string} question.button
 * @param {() => Promise<void>} question.act What is done then; whatever it throws is shown.
 */
export function confirm({ title, text, button, act }) {
  const trouble = h("p", { class: "refusal", role: "alert", hidden: true });
  const go = h("button", { type: "button", class: "button danger" }, button);
  const cancel = h("button", { type: "button", class: "button", autofocus: true }, say("cancel"));
  const dialog = h("dialog", { class: "sure", "aria-labelledby": "sure-title" }, h("h2", { id: "sure-title" }, title), h("p", {}, ...code(text)), h("p", { class: "quiet" }, say("audited")), trouble, h("div", { class: "buttons" }, cancel, go));
  cancel.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  go.addEventListener("click", async () => {
    go.disabled = true;
    try {
      await act();
      dialog.close();
    } catch (error) {
      trouble.hidden = false;
      trouble.textContent = say("failed", { why: error.message });
      go.disabled = false;
    }
  });
  document.body.append(dialog);
  dialog.showModal();
}

/**
 * The form that asks for the key, with why it is asked for.
 * @param {object} asked
 * @param {string} asked.key The one that was shown before.
 * @param {{cause?: string, title?: string}} asked.refusal
 * @param {(key: string) => void} asked.open
 */
export function keyForm({ key, refusal, open }) {
  const input = h("input", { type: "password", name: "key", required: true, autocomplete: "current-password", spellcheck: "false", autocapitalize: "none", value: key, "aria-describedby": "key-hint" });
  const submit = (event) => {
    event.preventDefault();
    open(input.value);
  };
  // Whoever came without a key is not told that there was none.
  const own = `trouble.${refusal.cause}`;
  const trouble = key === "" ? [] : [h("p", { class: "refusal", role: "alert" }, ...code(isSaid(own) ? say(own) : (refusal.title ?? "")))];
  return h(
    "div",
    { class: "place" },
    h(
      "form",
      { class: "question", autocomplete: "off", on: { submit } },
      h("label", { class: "field is-key" }, h("span", {}, t("key")), input, h("small", { id: "key-hint" }, ...code(say("keyHint")))),
      h("div", { class: "field go" }, h("button", { type: "submit", class: "button primary wide" }, say("open"))),
    ),
    ...trouble,
  );
}
