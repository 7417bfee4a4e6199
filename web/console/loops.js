/**
 * @file Who repeats the same refused question: asks this server with the operator's key, each time the reader says so.
 *
 * The key goes to this server alone, and is kept in the form's field: in no storage and in no address.
 */
import { CAUSE_TITLES } from "/assets/charla/cause-titles.js";
import { h } from "/assets/web/page/dom.js";
import { chooseLanguage, currentLanguage, LANGUAGES, setLanguage } from "/assets/web/page/words.js";
import { isWord, t } from "./words.js";

const root = document.getElementById("console");
const place = h("div", { class: "place", "aria-live": "polite" });
let key = "";
/** The last answer, to be said in another language without being asked for again. */
let answer = null;
let asking = false;

chooseLanguage();
draw();

function draw() {
  document.title = `${t("loops.title")} · Charla`;
  root.replaceChildren(header(), h("main", { class: "loops" }, h("h1", {}, t("loops.title")), h("p", { class: "lead" }, ...code(t("loops.lead"))), form(), place));
  place.replaceChildren(...(answer ? [answerView(answer)] : []));
}

function header() {
  const language = (tag) => h("button", { type: "button", lang: tag, "aria-pressed": String(tag === currentLanguage()), title: LANGUAGES[tag], on: { click: () => change(tag) } }, tag.toUpperCase());
  return h(
    "header",
    { class: "top" },
    h("a", { class: "home", href: "/" }, "Charla"),
    h("nav", {}, h("a", { href: "/console/doctor" }, t("title")), h("a", { href: "/api/v1/docs" }, t("interface")), h("a", { href: `/docs/causes/?lang=${currentLanguage()}` }, t("causes")), h("span", { class: "languages" }, ...Object.keys(LANGUAGES).map(language))),
  );
}

function change(tag) {
  setLanguage(tag);
  draw();
  root.querySelector(`.languages [lang="${tag}"]`).focus();
}

function form() {
  const input = h("input", { type: "password", name: "key", required: true, autocomplete: "current-password", value: key, spellcheck: "false", autocapitalize: "none", "aria-describedby": "key-hint" });
  input.addEventListener("input", () => (key = input.value));
  const submit = (event) => {
    event.preventDefault();
    ask();
  };
  return h(
    "form",
    { class: "question", autocomplete: "off", on: { submit } },
    h("label", { class: "field is-key" }, h("span", {}, t("key")), input, h("small", { id: "key-hint" }, ...code(t("keyHint")))),
    h("div", { class: "field go" }, h("button", { type: "submit", class: "button primary wide", disabled: asking }, t(answer?.loops ? "loops.again" : "loops.look"))),
  );
}

/** What stands between backticks is code. */
function code(text) {
  return text.split("`").map((part, n) => (n % 2 ? h("code", {}, part) : part));
}

async function ask() {
  if (asking) return;
  asking = true;
  answer = await look();
  asking = false;
  draw();
  root.querySelector(".question button").focus();
}

/** @returns {Promise<any>} The list, or the problem that kept it away. */
async function look() {
  try {
    const response = await fetch("/api/v1/loops", { headers: { authorization: `Bearer ${key.trim()}`, "accept-language": currentLanguage() }, cache: "no-store" });
    return await response.json();
  } catch {
    return { cause: "server_unreachable" };
  }
}

function answerView({ loops, at, ...problem }) {
  if (!loops) return trouble(problem);
  const time = clock(at);
  if (loops.length === 0) return h("p", { class: "looking" }, t("loops.none", { time }));
  const heads = ["who", "what", "count", "since", "until"].map((name) => h("th", { scope: "col" }, t(`loops.${name}`)));
  return h(
    "section",
    { class: "loop-list" },
    h("p", { class: "quiet" }, t("loops.at", { time, n: loops.length })),
    h("div", { class: "wide-table", tabindex: "0", role: "region", "aria-label": t("loops.title") }, h("table", {}, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...loops.map(row)))),
  );
}

function row(loop) {
  const waits = loop.wait_until !== null;
  const whose = [loop.tenant, loop.user].filter(Boolean).join(" / ");
  return h(
    "tr",
    { class: waits ? "waits" : null },
    h("td", {}, h("strong", {}, whose || loop.address || "?"), h("small", {}, [t(`loops.kind.${loop.kind}`), loop.fingerprint, loop.chat && t("loops.chat", { chat: loop.chat }), whose && loop.address].filter(Boolean).join(" · "))),
    h("td", {}, h("a", { class: "cause-id", href: `/docs/causes/${loop.cause}?lang=${currentLanguage()}` }, h("code", {}, loop.cause)), h("small", {}, CAUSE_TITLES[loop.cause]?.[currentLanguage()] ?? "")),
    h("td", { class: "number" }, number(loop.count), loop.saved > 0 && h("small", {}, t("loops.saved", { n: number(loop.saved) }))),
    h("td", {}, clock(loop.since)),
    h("td", {}, waits ? clock(loop.wait_until) : "–", waits && h("small", {}, t("loops.nth", { n: loop.waits }))),
  );
}

function number(count) {
  return count.toLocaleString(currentLanguage());
}

function clock(time) {
  return new Date(time).toLocaleTimeString(currentLanguage());
}

/** The page's own words for what is likely here; else what the server said. */
function trouble({ cause, title, detail }) {
  const own = [`loops.trouble.${cause}`, `trouble.${cause}`].find(isWord);
  const words = own ? code(t(own)) : [h("strong", {}, title ?? t("trouble.server_unreachable")), detail ? h("span", { class: "detail" }, detail) : ""];
  return h("p", { class: "refusal", role: "alert" }, ...words);
}
