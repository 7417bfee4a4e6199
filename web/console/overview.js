/**
 * @file The operator's overview: what goes on, on all nodes, live.
 *
 * The key goes to this server alone, and is kept in this page's memory: in no storage and in no address.
 */
import { h } from "/assets/web/page/dom.js";
import { chooseLanguage, currentLanguage, setLanguage } from "/assets/web/page/words.js";
import { Chart, share } from "./charts.js";
import { confirm, keyForm } from "./confirm.js";
import { amount, layers, merge, ranked, slots } from "./figures.js";
import { causeLink, Ledger, size } from "./ledger.js";
import { credentials, watch } from "./live.js";
import { bridgeView, busView } from "./nodes-view.js";
import { clock, frame, head, number, wideTable } from "./operator.js";
import { isSaid, say } from "./overview-words.js";
import { t } from "./words.js";

const SPANS = [60, 180, 720];
const TOP = 6;
const root = document.getElementById("console");

let key = "";
let span = 60;
let known = new Map();
/** What was heard last: `now`, `nodes`, `at`. */
let last = null;
let refusal = null;
let state = "connecting";
/** The words of causes, in the reader's language. */
let words = new Map();
let stop = null;
let view = null;
/** Nodes that were told to drain from here. */
const told = new Set();

chooseLanguage();
begin();

/** Lets the reader in, or asks for the key. */
function begin() {
  stop?.();
  refusal = null;
  last = null;
  known = new Map();
  build();
  learnWords();
  stop = watch({ key, onLine, onState, onRefused });
}

async function learnWords() {
  const response = await fetch(`/api/v1/causes?lang=${currentLanguage()}`).catch(() => null);
  if (!response?.ok) return;
  const { causes } = await response.json();
  words = new Map(causes.map((cause) => [cause.id, cause]));
  if (!last) return;
  view.ledger.learn([...words.keys()].sort());
  draw();
}

function onLine(line) {
  merge(known, line.minutes, line.at);
  const isFirst = !last;
  last = line;
  if (isFirst) {
    build();
    if (location.search !== "") view.ledger.search();
  }
  draw();
}

function onState(to) {
  state = to;
  drawState();
}

function onRefused(problem) {
  refusal = problem;
  state = "refused";
  build();
  root.querySelector("[name=key]")?.focus();
}

function change(tag) {
  setLanguage(tag);
  build();
  learnWords();
  root.querySelector(`.languages [lang="${tag}"]`).focus();
  if (last) {
    draw();
    if (location.search !== "") view.ledger.search();
  }
}

/** Draws everything that stays where it is. */
function build() {
  document.title = `${say("title")} · Charla`;
  view = { state: h("p", { class: "state", role: "status" }) };
  const top = h("div", { class: "heading" }, h("h1", {}, say("title")), view.state);
  const body = last ? sections() : [askKey()];
  root.replaceChildren(frame("overview", change), h("main", { class: "overview list" }, top, ...body));
  drawState();
}

function askKey() {
  const open = (shown) => {
    key = shown;
    begin();
  };
  return refusal ? keyForm({ key, refusal, open }) : h("div", { class: "place" });
}

function sections() {
  const part = (name) => h("section", { class: `part is-${name}` });
  const charts = {
    connections: new Chart({ title: say("chart.connections"), shape: "area" }),
    messages: new Chart({ title: say("chart.messages"), shape: "bars" }),
    closes: new Chart({ title: say("chart.closes"), shape: "bars", legend: true }),
  };
  Object.assign(view, {
    charts,
    now: h("dl", { class: "now" }),
    causes: part("causes"),
    slow: part("slow"),
    tenants: part("tenants"),
    nodes: part("nodes"),
    ledger: new Ledger({ key: () => key, act: disconnect }),
  });
  view.ledger.learn([...words.keys()].sort());
  return [
    view.now,
    spans(),
    h("div", { class: "charts" }, charts.connections.element, charts.messages.element, charts.closes.element),
    h("div", { class: "columns" }, view.causes, h("div", {}, view.slow, view.tenants)),
    view.nodes,
    view.ledger.element,
  ];
}

function spans() {
  const choose = (minutes) => {
    span = minutes;
    for (const button of root.querySelectorAll(".spans button")) button.setAttribute("aria-pressed", String(button.value === String(minutes)));
    draw();
  };
  return h("div", { class: "spans", role: "group", "aria-label": say("span") }, ...SPANS.map((minutes) => h("button", { type: "button", value: String(minutes), "aria-pressed": String(minutes === span), on: { click: () => choose(minutes) } }, say(`span.${minutes}`))));
}

function drawState() {
  view.state.className = `state is-${state}`;
  view.state.replaceChildren(h("span", { class: "dot", "aria-hidden": "true" }), say(`state.${state}`, { time: last ? clock(last.at) : "–" }));
}

/** Draws what moves. */
function draw() {
  const focused = document.activeElement?.dataset?.focus;
  // A bar more than is shown is cut off again: an hour is sixty whole minutes and the running one.
  const parts = slots(known, span, last.at);
  const causes = ranked(parts);
  drawNow(parts, causes);
  const plain = (name, colour) => [{ name: say(`chart.${name}`), colour, of: (part) => part[name] }];
  view.charts.connections.draw(parts, plain("connections", "colour-main"));
  view.charts.messages.draw(parts, plain("messages", "colour-main"));
  const named = (cause) => (isSaid(`cause.${cause}`) ? say(`cause.${cause}`) : cause);
  view.charts.closes.draw(parts, layers(parts).map((layer) => ({ name: named(layer.cause), colour: layer.colour, of: (part) => amount(part, layer) })));
  drawCauses(causes.filter(({ cause }) => cause !== "none"));
  drawSlow();
  drawTenants();
  drawNodes();
  if (focused) root.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
}

function drawNow(parts, causes) {
  const sum = (pick) => causes.reduce((all, cause) => all + pick(cause), 0);
  const slow = causes.find(({ cause }) => cause === "slow_consumer")?.closed ?? 0;
  const values = {
    connections: last.now.connections,
    messages: last.now.messages,
    refused: sum(({ refused }) => refused),
    closed: sum(({ closed }) => closed),
    slow,
    loops: last.now.loops,
  };
  const label = (name) => say(`now.${name}`, { span: say(`span.${span}`) });
  const one = ([name, value]) => h("div", { class: (name === "slow" || name === "loops") && value > 0 ? "is-warn" : null }, h("dt", {}, name === "loops" ? h("a", { href: "/console/loops" }, label(name)) : label(name)), h("dd", { "data-figure": name }, number(value)));
  view.now.replaceChildren(...Object.entries(values).map(one));
}

function drawCauses(causes) {
  const open = new Set([...view.causes.querySelectorAll("details[open]")].map((details) => details.dataset.cause));
  const most = Math.max(1, ...causes.map(({ refused, closed }) => refused + closed));
  const one = ({ cause, refused, closed }) => {
    const { title, fix = [] } = words.get(cause) ?? {};
    const find = () => view.ledger.find({ cause });
    const advice = h(
      "details",
      { "data-cause": cause, open: open.has(cause) },
      h("summary", { "data-focus": `fix-${cause}` }, say("causes.fix")),
      ...fix.map((line) => h("pre", {}, line)),
      h("button", { type: "button", class: "button small", "data-focus": `find-${cause}`, on: { click: find } }, say("causes.find")),
    );
    return h("li", {}, h("p", { class: "cause-head" }, h("strong", {}, title ?? cause), causeLink(cause)), share((refused + closed) / most), h("p", { class: "quiet" }, say("causes.counts", { refused: number(refused), closed: number(closed) })), advice);
  };
  const list = causes.length ? h("ol", { class: "top-causes" }, ...causes.slice(0, TOP).map(one)) : h("p", { class: "quiet empty" }, say("causes.none"));
  view.causes.replaceChildren(h("h2", {}, say("causes", { span: say(`span.${span}`) })), list);
}

function drawSlow() {
  const { slow, queued_bytes: queued } = last.now;
  const heads = ["who", "queued"].map((name) => head(say(`column.${name}`)));
  const find = (connection) => () => view.ledger.find({ q: connection });
  const row = (one) => h("tr", {}, h("td", {}, h("button", { type: "button", class: "as-link", "data-focus": `slow-${one.connection}`, on: { click: find(one.connection) } }, one.user), h("small", {}, one.tenant)), h("td", { class: "number" }, size(one.queued_bytes)));
  const body = slow.length ? [h("p", { class: "quiet" }, say("slow.lead", { bytes: size(queued) })), wideTable(say("slow"), heads, slow.slice(0, 8).map(row))] : [h("p", { class: "quiet empty" }, say("slow.none"))];
  view.slow.replaceChildren(h("h2", {}, say("slow")), ...body);
}

function drawTenants() {
  const heads = [say("ledger.tenant"), say("column.connections"), say("column.messages"), say("column.limits")].map(head);
  const find = (tenant) => () => view.ledger.find({ tenant });
  const row = ({ tenant, connections, messages, refused }) =>
    h(
      "tr",
      { "data-tenant": tenant },
      h("td", {}, h("button", { type: "button", class: "as-link", "data-focus": `tenant-${tenant}`, on: { click: find(tenant) } }, tenant)),
      h("td", { class: "number" }, number(connections)),
      h("td", { class: "number" }, number(messages)),
      h("td", { class: "number" }, h("a", { href: `/console/tenants?tenant=${tenant}`, "data-focus": `limits-${tenant}` }, say("tenants.limited", { n: number(Object.values(refused).reduce((sum, n) => sum + n, 0)) }))),
    );
  const busy = last.now.tenants.filter(({ connections, messages }) => connections + messages > 0);
  view.tenants.replaceChildren(h("h2", {}, say("tenants")), busy.length ? wideTable(say("tenants"), heads, busy.map(row)) : h("p", { class: "quiet empty" }, say("tenants.none")));
}

function drawNodes() {
  const { bus, bridge, nodes } = last.nodes;
  const heads = [...["node", "connections", "rate", "store", "heard"].map((name) => t(`nodes.${name}`)), say("column.act")].map(head);
  view.nodes.replaceChildren(h("h2", {}, say("nodes")), busView(bus), ...[bridgeView(bridge)].filter(Boolean), wideTable(say("nodes"), heads, nodes.map((node) => nodeRow(node, bus))));
}

function nodeRow(node, bus) {
  const silent = last.now.silent.includes(node.id) ? say("nodes.silent") : node.figures_since && say("nodes.since", { time: clock(node.figures_since) });
  const about = [node.this && t("nodes.this"), node.leaving && t("nodes.leaving"), told.has(node.id) && say("nodes.draining"), node.version && `Charla ${node.version}`, silent];
  return h(
    "tr",
    { class: node.store_up && !(bus.alive === false && !node.this) ? null : "is-bad", "data-node": node.id },
    h("td", {}, h("strong", {}, node.name ?? "?"), h("small", {}, about.filter(Boolean).join(" · "))),
    h("td", { class: "number" }, number(node.connections)),
    h("td", { class: "number" }, number(Math.round(node.accept_rate))),
    h("td", {}, t(node.store_up ? "nodes.store.up" : "nodes.store.down"), node.store_trouble && h("small", {}, node.store_trouble)),
    h("td", {}, node.this ? "–" : clock(node.heard_at), !node.this && !bus.alive && h("small", {}, t("nodes.unheard"))),
    h("td", {}, h("button", { type: "button", class: "button small danger", disabled: node.leaving, "data-focus": `drain-${node.id}`, on: { click: () => drain(node) } }, say("nodes.drain"))),
  );
}

function drain(node) {
  const name = node.name ?? node.id.slice(0, 8);
  confirm({
    title: say("drain.title", { node: name }),
    text: say("drain.text", { n: number(node.connections) }),
    button: say("nodes.drain"),
    act: async () => {
      await post(`/api/v1/nodes/${node.id}/drain`);
      told.add(node.id);
    },
  });
}

function disconnect({ tenant, user }) {
  confirm({
    title: say("disconnect.title", { tenant, user }),
    text: say("disconnect.text"),
    button: say("disconnect"),
    act: async () => {
      await post("/api/v1/console/disconnect", { tenant, user });
      await view.ledger.search();
      view.ledger.untilGone({ tenant, user });
    },
  });
}

async function post(address, body) {
  const type = body ? { "content-type": "application/json" } : {};
  const response = await fetch(address, { method: "POST", headers: { ...credentials(key), ...type }, body: body && JSON.stringify(body) });
  if (response.ok) return;
  const { title, detail } = await response.json().catch(() => ({}));
  throw new Error([title ?? response.status, detail].filter(Boolean).join(": "));
}
