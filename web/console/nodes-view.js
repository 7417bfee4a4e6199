/** @file What is said of the bus and the bridge, on every page of the operator's that names nodes. */
import { h } from "/assets/web/page/dom.js";
import { currentLanguage } from "/assets/web/page/words.js";
import { clock, code } from "./operator.js";
import { t } from "./words.js";

/** What happens when nothing gets through is said first: it is what somebody on call came to see. */
export function busView({ kind, address, alive, carried_by: carriedBy, since }) {
  if (kind === "none") return h("p", { class: "bus" }, t("nodes.bus.none"));
  const words = alive ? t("nodes.bus.alive", { address, since: clock(since) }) : t(`nodes.bus.away.${carriedBy}`, { address, since: clock(since) });
  return line(alive, "broker_unavailable", words);
}

/** Nothing where no bridge is set. */
export function bridgeView(bridge) {
  if (!bridge) return null;
  const { hosts, alive, since } = bridge;
  return line(alive, "bridge_unavailable", t(`nodes.bridge.${alive ? "alive" : "away"}`, { hosts: hosts.join(", "), since: clock(since) }));
}

function line(alive, cause, words) {
  const page = h("a", { class: "cause-id", href: `/docs/causes/${cause}?lang=${currentLanguage()}` }, h("code", {}, cause));
  return h("p", { class: alive ? "bus" : "bus is-bad", role: alive ? null : "alert" }, !alive && h("strong", {}, t("nodes.degraded"), " ", page), h("span", {}, ...code(words)));
}
