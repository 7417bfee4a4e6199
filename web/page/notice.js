/** @file Short notices in the corner: notifications, and requests that were refused. */
import { h, icon, iconButton, webLink } from "./dom.js";
import { causeTitle, t } from "./words.js";

/** Long enough to be read twice. */
const STAYS_MS = 12_000;

/** @param {{text?: string, url?: string, cause?: string}} what */
export function notice({ text, url, cause }) {
  const link = url ? webLink(url, t("openLink")) : null;
  const element = h(
    "div",
    { class: `notice${cause ? " is-refusal" : ""}` },
    cause && icon("alert"),
    h("div", { class: "notice-text" }, cause && h("strong", {}, causeTitle(cause)), text && h("span", { dir: "auto" }, text), link instanceof Element && link),
    iconButton("close", t("closeNotice"), () => element.remove()),
  );
  setTimeout(() => element.remove(), STAYS_MS);
  return element;
}
