/** @file The interface to read: the OpenAPI document of this very server, drawn as a page. */
import { h } from "/assets/web/page/dom.js";
import { chooseLanguage, currentLanguage, LANGUAGES, setLanguage } from "/assets/web/page/words.js";
import { operationView, withCode } from "./operation.js";
import { Schemas } from "./schema.js";
import { t } from "./words.js";

const METHODS = ["get", "post", "put", "patch", "delete"];
const root = document.getElementById("api");

chooseLanguage();
let found = null;
try {
  const response = await fetch("/api/v1/openapi.json");
  if (response.ok) found = await response.json();
} catch {
  // Said below.
}
draw();

function draw() {
  document.title = `${t("title")} · Charla`;
  root.replaceChildren(header(), found ? page(found) : h("main", {}, h("p", { role: "alert" }, t("failed"))));
  openNamed();
}

function header() {
  const language = (tag) => h("button", { type: "button", lang: tag, "aria-pressed": String(tag === currentLanguage()), title: LANGUAGES[tag], on: { click: () => change(tag) } }, tag.toUpperCase());
  return h(
    "header",
    { class: "top" },
    h("a", { class: "home", href: "/" }, "Charla"),
    h(
      "nav",
      {},
      h("a", { href: "/api/v1/openapi.json" }, t("document")),
      h("a", { href: `/docs/causes/?lang=${currentLanguage()}` }, t("causes")),
      h("a", { href: "/" }, t("chat")),
      h("span", { class: "languages" }, ...Object.keys(LANGUAGES).map(language)),
    ),
  );
}

function change(tag) {
  setLanguage(tag);
  draw();
  root.querySelector(`.languages [lang="${tag}"]`).focus();
}

function page(api) {
  const schemas = new Schemas(api);
  const groups = (api.tags ?? []).map((tag) => groupView(tag, operationsOf(api, tag.name), schemas));
  const nothing = h("p", { class: "quiet", role: "status", hidden: true }, t("nothing"));
  const filter = h("input", { type: "search", class: "filter", placeholder: t("search"), "aria-label": t("search") });
  filter.addEventListener("input", () => (nothing.hidden = narrow(groups, filter.value)));
  const intro = (api.info.description ?? "").split("\n\n").map((text) => h("p", { class: "lead" }, ...withCode(text)));
  return h("main", { class: "api" }, h("h1", {}, t("title"), h("small", {}, ` ${api.info.version}`)), ...intro, filter, ...groups, nothing);
}

function operationsOf(api, tag) {
  return Object.entries(api.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]?.tags?.includes(tag)).map((method) => ({ method, path, operation: item[method], document: api })),
  );
}

function groupView({ name, description }, operations, schemas) {
  return h("section", { class: "group" }, h("h2", { id: name }, name), h("p", { class: "quiet" }, description ?? ""), ...operations.map((one) => operationView(one, schemas)));
}

/** Hides what does not hold the words. @returns {boolean} Whether anything is left. */
function narrow(groups, words) {
  const wanted = words.toLowerCase();
  let left = 0;
  for (const group of groups) {
    const operations = [...group.querySelectorAll(".operation")];
    for (const operation of operations) operation.hidden = !operation.querySelector("summary").textContent.toLowerCase().includes(wanted);
    group.hidden = operations.every((operation) => operation.hidden);
    left += group.hidden ? 0 : 1;
  }
  return left > 0;
}

/** An address with an operation's name opens it. */
function openNamed() {
  const named = document.getElementById(location.hash.slice(1));
  if (named instanceof HTMLDetailsElement) {
    named.open = true;
    named.scrollIntoView();
  }
}
