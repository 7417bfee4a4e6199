/**
 * @file The tenants, live: what each uses of what it may, what its limits refused, and the limits to change.
 *
 * The key goes to this server alone, and is kept in this page's memory: in no storage and in no address.
 */
import { h } from "/assets/web/page/dom.js";
import { chooseLanguage, setLanguage } from "/assets/web/page/words.js";
import { keyForm } from "./confirm.js";
import { LimitsPanel, usedView } from "./limits-panel.js";
import { say } from "./limits-words.js";
import { watch } from "./live.js";
import { clock, frame, head, number, wideTable } from "./operator.js";
import { say as overviewSay } from "./overview-words.js";

const root = document.getElementById("console");

let key = "";
let last = null;
let refusal = null;
let state = "connecting";
let stop = null;
let view = null;
const panel = new LimitsPanel(() => key);

chooseLanguage();
begin();

function begin() {
  stop?.();
  refusal = null;
  last = null;
  build();
  stop = watch({ key, onLine, onState, onRefused });
}

function onLine(line) {
  const before = last;
  last = line;
  if (!before) {
    build();
    panel.choose(new URLSearchParams(location.search).get("tenant"));
  } else if (before.now.limits_changes !== line.now.limits_changes) {
    panel.look();
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
  root.querySelector(`.languages [lang="${tag}"]`).focus();
  if (!last) return;
  panel.look();
  draw();
}

/** Shows the limits of one, or those for all, and says so in the address. */
function choose(tenant) {
  history.replaceState(null, "", tenant === null ? location.pathname : `?${new URLSearchParams({ tenant })}`);
  panel.choose(tenant);
  draw();
  panel.element.scrollIntoView({ behavior: "smooth" });
}

function build() {
  document.title = `${say("title")} · Charla`;
  view = { state: h("p", { class: "state", role: "status" }), tenants: h("section", { class: "part is-tenants" }) };
  const top = h("div", { class: "heading" }, h("h1", {}, say("title")), view.state);
  root.replaceChildren(frame("tenants", change), h("main", { class: "overview list tenants" }, top, ...body()));
  drawState();
}

function body() {
  if (last) return [h("p", { class: "lead" }, say("lead")), view.tenants, chooser(), panel.element];
  const open = (shown) => {
    key = shown;
    begin();
  };
  return [refusal ? keyForm({ key, refusal, open }) : h("div", { class: "place" })];
}

/** Any tenant by its id, however quiet; or all. */
function chooser() {
  const input = h("input", { type: "text", name: "tenant", required: true, maxlength: "63", spellcheck: "false", autocapitalize: "none", autocomplete: "off" });
  const submit = (event) => {
    event.preventDefault();
    choose(input.value.trim());
  };
  return h("form", { class: "chooser", role: "search", on: { submit } }, h("label", { class: "field" }, h("span", {}, say("find")), input), h("button", { type: "submit", class: "button" }, say("show")), h("button", { type: "button", class: "button", on: { click: () => choose(null) } }, say("all")));
}

function drawState() {
  view.state.className = `state is-${state}`;
  view.state.replaceChildren(h("span", { class: "dot", "aria-hidden": "true" }), overviewSay(`state.${state}`, { time: last ? clock(last.at) : "–" }));
}

function draw() {
  const focused = document.activeElement?.dataset?.focus;
  const { tenants, more_tenants: more } = last.now;
  const heads = [overviewSay("ledger.tenant"), overviewSay("column.connections"), overviewSay("column.messages"), say("column.used"), say("column.refused"), say("column.own")].map(head);
  const table = tenants.length ? wideTable(say("title"), heads, tenants.map(row)) : h("p", { class: "quiet empty" }, say("none"));
  view.tenants.replaceChildren(table, ...(more ? [h("p", { class: "quiet" }, say("more"))] : []));
  if (focused) root.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
  const chosen = tenants.find(({ tenant }) => tenant === panel.tenant);
  if (chosen) panel.hear(chosen);
}

function row(one) {
  const { tenant, limits, refused } = one;
  const uses = Object.entries(limits).map(([name, figure]) => h("div", { class: "use", "data-use": name, title: name }, h("code", {}, name), ...usedView(name, figure)));
  const refusals = Object.entries(refused).map(([name, n]) => h("div", { class: "use", "data-refused": name }, h("code", {}, name), h("span", {}, number(n))));
  return h(
    "tr",
    { "data-tenant": tenant, class: tenant === panel.tenant ? "is-chosen" : null },
    h("td", {}, h("button", { type: "button", class: "as-link", "data-focus": `tenant-${tenant}`, on: { click: () => choose(tenant) } }, tenant)),
    h("td", { class: "number", "data-column": "connections" }, number(one.connections)),
    h("td", { class: "number", "data-column": "messages" }, number(one.messages)),
    h("td", {}, ...(uses.length ? uses : [h("span", { class: "quiet" }, say("nothing"))])),
    h("td", { "data-column": "refused" }, ...(refusals.length ? refusals : ["–"])),
    h("td", { class: "number" }, number(one.own_limits)),
  );
}
