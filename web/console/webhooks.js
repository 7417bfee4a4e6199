/** @file Where events go over HTTP, what waits for each endpoint, and what was given up: to be sent again or thrown away. */
import { h } from "/assets/web/page/dom.js";
import { clock, head, number, showList, wideTable } from "./operator.js";
import { t } from "./words.js";

showList({ name: "webhooks", view });

function view({ webhooks, dead_letters, lost, at }, act) {
  const time = clock(at);
  return h("section", { class: "list" }, h("p", { class: "quiet" }, t("webhooks.at", { time })), lost > 0 && h("p", { class: "refusal", role: "alert" }, t("webhooks.lost", { n: number(lost) })), endpointsView(webhooks, act), h("h2", {}, t("letters.title")), lettersView(dead_letters, act));
}

function endpointsView(webhooks, act) {
  if (webhooks.length === 0) return h("p", { class: "looking" }, t("webhooks.none"));
  const heads = ["endpoint", "events", "waiting", "since", "state"].map((name) => head(t(`webhooks.${name}`)));
  return wideTable(t("webhooks.title"), heads, webhooks.map((one) => endpointRow(one, act)));
}

function endpointRow(one, act) {
  const enable = () => act("POST", `/api/v1/tenants/${one.tenant}/webhooks/${encodeURIComponent(one.id)}/enable`);
  return h(
    "tr",
    { class: one.disabled_at ? "is-bad" : null, "data-endpoint": one.id },
    h("td", {}, h("strong", {}, one.url), h("small", {}, [one.tenant, one.id, t(`webhooks.source.${one.source}`)].join(" · "))),
    h("td", {}, h("small", {}, one.events.join(", "))),
    h("td", { class: "number" }, number(one.waiting)),
    h("td", {}, one.waiting_since ? moment(one.waiting_since) : "–"),
    h("td", {}, t(one.disabled_at ? "webhooks.disabled" : "webhooks.enabled"), one.disabled_at && h("button", { type: "button", class: "button", on: { click: enable } }, t("webhooks.enable"))),
  );
}

function lettersView(letters, act) {
  if (letters.length === 0) return h("p", { class: "looking" }, t("letters.none"));
  const heads = ["when", "endpoint", "event", "answer", "attempts", "what"].map((name) => head(t(`letters.${name}`)));
  return wideTable(t("letters.title"), heads, letters.map((one) => letterRow(one, act)));
}

function letterRow(one, act) {
  const place = `/api/v1/tenants/${one.tenant}/dead-letters/${one.id}`;
  const button = (name, click) => h("button", { type: "button", class: "button", "aria-label": t(`letters.${name}.label`, { id: one.webhook_id }), on: { click } }, t(`letters.${name}`));
  const remove = ({ currentTarget: pressed }) => {
    if (pressed.dataset.sure) return act("DELETE", place);
    pressed.dataset.sure = "yes";
    pressed.textContent = t("letters.remove.sure");
  };
  return h(
    "tr",
    { "data-letter": one.id },
    h("td", {}, moment(one.dead_at), h("small", {}, t("letters.written", { time: moment(one.created_at) }))),
    h("td", {}, one.url ?? "?", h("small", {}, `${one.tenant} · ${one.endpoint}`)),
    h("td", {}, h("code", {}, one.event), h("small", {}, one.webhook_id)),
    h("td", {}, one.last_answer ?? "–"),
    h("td", { class: "number" }, number(one.attempts)),
    h("td", { class: "deeds" }, button("retry", () => act("POST", `${place}/retry`)), button("remove", remove)),
  );
}

/** Letters may be days old. */
function moment(time) {
  const date = new Date(time);
  return date.toDateString() === new Date().toDateString() ? clock(time) : date.toLocaleString(document.documentElement.lang, { hourCycle: "h23" });
}
