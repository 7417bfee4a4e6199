/** @file The nodes, and how each does by its store and its bus. */
import { h } from "/assets/web/page/dom.js";
import { currentLanguage } from "/assets/web/page/words.js";
import { clock, code, head, number, showList, wideTable } from "./operator.js";
import { t } from "./words.js";

showList({ name: "nodes", view });

function view({ bus, nodes, at }) {
  const heads = ["node", "connections", "rate", "store", "heard"].map((name) => head(t(`nodes.${name}`)));
  return h(
    "section",
    { class: "list" },
    busView(bus),
    h("p", { class: "quiet" }, t("nodes.at", { time: clock(at), n: nodes.length })),
    wideTable(t("nodes.title"), heads, nodes.map((node) => row(node, bus))),
  );
}

/** What happens when nothing gets through is said first: it is what somebody on call came to see. */
function busView({ kind, address, alive, carried_by: carriedBy, since }) {
  if (kind === "none") return h("p", { class: "bus" }, t("nodes.bus.none"));
  const words = alive ? t("nodes.bus.alive", { address, since: clock(since) }) : t(`nodes.bus.away.${carriedBy}`, { address, since: clock(since) });
  const cause = h("a", { class: "cause-id", href: `/docs/causes/broker_unavailable?lang=${currentLanguage()}` }, h("code", {}, "broker_unavailable"));
  return h("p", { class: alive ? "bus" : "bus is-bad", role: alive ? null : "alert" }, !alive && h("strong", {}, t("nodes.degraded"), " ", cause), h("span", {}, ...code(words)));
}

function row(node, bus) {
  const isUnheard = !node.this && !bus.alive;
  return h(
    "tr",
    { class: node.store_up ? null : "is-bad" },
    h("td", {}, h("strong", {}, node.name ?? "?"), h("small", {}, [node.this && t("nodes.this"), node.leaving && t("nodes.leaving"), node.version && `Charla ${node.version}`, node.id.slice(0, 8)].filter(Boolean).join(" · "))),
    h("td", { class: "number" }, number(node.connections)),
    h("td", { class: "number" }, number(Math.round(node.accept_rate))),
    h("td", {}, t(node.store_up ? "nodes.store.up" : "nodes.store.down"), node.store_trouble && h("small", {}, node.store_trouble)),
    h("td", {}, node.this ? "–" : clock(node.heard_at), isUnheard && h("small", {}, t("nodes.unheard"))),
  );
}
