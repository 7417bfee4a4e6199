/** @file The nodes, and how each does by its store and its bus. */
import { h } from "/assets/web/page/dom.js";
import { bridgeView, busView } from "./nodes-view.js";
import { clock, head, number, showList, wideTable } from "./operator.js";
import { t } from "./words.js";

showList({ name: "nodes", view });

function view({ bus, bridge, nodes, at }) {
  const heads = ["node", "connections", "rate", "store", "heard"].map((name) => head(t(`nodes.${name}`)));
  return h(
    "section",
    { class: "list" },
    busView(bus),
    bridgeView(bridge),
    h("p", { class: "quiet" }, t("nodes.at", { time: clock(at), n: nodes.length })),
    wideTable(t("nodes.title"), heads, nodes.map((node) => row(node, bus))),
  );
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
