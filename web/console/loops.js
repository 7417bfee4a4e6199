/** @file Who repeats the same refused question. */
import { CAUSE_TITLES } from "/assets/charla/cause-titles.js";
import { h } from "/assets/web/page/dom.js";
import { currentLanguage } from "/assets/web/page/words.js";
import { clock, head, number, showList, wideTable } from "./operator.js";
import { t } from "./words.js";

showList({ name: "loops", view });

function view({ loops, at }) {
  const time = clock(at);
  if (loops.length === 0) return h("p", { class: "looking" }, t("loops.none", { time }));
  const heads = ["who", "what", "count", "since", "until"].map((name) => head(t(`loops.${name}`)));
  return h("section", { class: "list" }, h("p", { class: "quiet" }, t("loops.at", { time, n: loops.length })), wideTable(t("loops.title"), heads, loops.map(row)));
}

function row(loop) {
  const waits = loop.wait_until !== null;
  const whose = [loop.tenant, loop.user].filter(Boolean).join(" / ");
  return h(
    "tr",
    { class: waits ? "is-bad" : null },
    h("td", {}, h("strong", {}, whose || loop.address || "?"), h("small", {}, [t(`loops.kind.${loop.kind}`), loop.fingerprint, loop.chat && t("loops.chat", { chat: loop.chat }), whose && loop.address].filter(Boolean).join(" · "))),
    h("td", {}, h("a", { class: "cause-id", href: `/docs/causes/${loop.cause}?lang=${currentLanguage()}` }, h("code", {}, loop.cause)), h("small", {}, CAUSE_TITLES[loop.cause]?.[currentLanguage()] ?? "")),
    h("td", { class: "number" }, number(loop.count), loop.saved > 0 && h("small", {}, t("loops.saved", { n: number(loop.saved) }))),
    h("td", {}, clock(loop.since)),
    h("td", {}, waits ? clock(loop.wait_until) : "–", waits && h("small", {}, t("loops.nth", { n: loop.waits }))),
  );
}
