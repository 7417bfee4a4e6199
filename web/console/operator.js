/**
 * @file What the operator's lists share: the frame, the form with the key, and asking this server each time the reader says so.
 *
 * The list is there at once for whoever opens the console without a key: a proxy vouches for them, or they sit at a demo's own machine.
 * A key goes to this server alone, and is kept in the form's field: in no storage and in no address.
 */
import { h } from "/assets/web/page/dom.js";
import { chooseLanguage, currentLanguage, LANGUAGES, setLanguage } from "/assets/web/page/words.js";
import { credentials } from "./live.js";
import { isWord, t } from "./words.js";

/** The operator's pages, in the order of the frame's links. */
const PAGES = ["overview", "doctor", "nodes", "tenants", "loops", "webhooks"];
/** Where they are, unless it is by their name. */
const PLACES = { overview: "/console" };

/**
 * Draws a page around one list.
 * @param {object} list
 * @param {string} list.name Its words begin with it, and so does its address under `/api/v1/`.
 * @param {(answer: any, act: (method: string, path: string) => Promise<void>) => Node} list.view What the server answered, drawn; `act` asks
 *   for a change with the same key, and the list anew.
 */
export function showList({ name, view }) {
  const root = document.getElementById("console");
  const place = h("div", { class: "place", "aria-live": "polite" });
  let key = "";
  /** The last answer, to be said in another language without being asked for again. */
  let answer = null;
  let asking = false;
  /** Whether no key is needed here. */
  let isOpen = false;
  chooseLanguage();
  draw();
  lookWithout();

  function draw() {
    document.title = `${t(`${name}.title`)} · Charla`;
    root.replaceChildren(frame(name, change), h("main", { class: name }, h("h1", {}, t(`${name}.title`)), h("p", { class: "lead" }, ...code(t(`${name}.lead`))), form(), place));
    place.replaceChildren(...(answer ? [answer[name] ? view(answer, act) : trouble(name, answer)] : []));
  }

  function change(tag) {
    setLanguage(tag);
    draw();
    root.querySelector(`.languages [lang="${tag}"]`).focus();
  }

  function form() {
    const input = h("input", { type: "password", name: "key", required: !isOpen, autocomplete: "current-password", value: key, spellcheck: "false", autocapitalize: "none", "aria-describedby": "key-hint" });
    input.addEventListener("input", () => (key = input.value));
    const submit = (event) => {
      event.preventDefault();
      ask();
    };
    return h(
      "form",
      { class: "question", autocomplete: "off", on: { submit } },
      h("label", { class: "field is-key" }, h("span", {}, t("key")), input, h("small", { id: "key-hint" }, ...code(t("keyHint")))),
      h("div", { class: "field go" }, h("button", { type: "submit", class: "button primary wide", disabled: asking }, t(answer?.[name] ? "list.again" : "list.look"))),
    );
  }

  async function act(method, path) {
    if (asking) return;
    asking = true;
    const refused = await changeAt(method, path, key);
    asking = false;
    if (!refused) return ask();
    answer = refused;
    draw();
  }

  /** Nothing is said of a refusal: the form asks for the key. What somebody types meanwhile is left alone. */
  async function lookWithout() {
    const open = await look(name, "");
    if (!open[name] || asking || answer) return;
    isOpen = true;
    answer = open;
    root.querySelector("[name=key]").required = false;
    root.querySelector(".question button").textContent = t("list.again");
    place.replaceChildren(view(answer, act));
  }

  async function ask() {
    if (asking) return;
    asking = true;
    answer = await look(name, key);
    asking = false;
    draw();
    root.querySelector(".question button").focus();
  }
}

/** The top of a page of the operator's. @param {string} here @param {(tag: string) => void} change */
export function frame(here, change) {
  const language = (tag) => h("button", { type: "button", lang: tag, "aria-pressed": String(tag === currentLanguage()), title: LANGUAGES[tag], on: { click: () => change(tag) } }, tag.toUpperCase());
  const others = PAGES.filter((page) => page !== here).map((page) => h("a", { href: PLACES[page] ?? `/console/${page}` }, t(`page.${page}`)));
  return h(
    "header",
    { class: "top" },
    h("a", { class: "home", href: "/" }, "Charla"),
    h("nav", {}, ...others, h("a", { href: "/api/v1/docs" }, t("interface")), h("a", { href: `/docs/causes/?lang=${currentLanguage()}` }, t("causes")), h("span", { class: "languages" }, ...Object.keys(LANGUAGES).map(language))),
  );
}

/** A table that scrolls in its own place. @param {string} label @param {Node[]} heads @param {Node[]} rows */
export function wideTable(label, heads, rows) {
  return h("div", { class: "wide-table", tabindex: "0", role: "region", "aria-label": label }, h("table", {}, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...rows)));
}

/** The head of a column. @param {string} text */
export function head(text) {
  return h("th", { scope: "col" }, text);
}

/** @param {number} count */
export function number(count) {
  return count.toLocaleString(currentLanguage());
}

/** @param {string} time */
export function clock(time) {
  return new Date(time).toLocaleTimeString(currentLanguage(), { hourCycle: "h23" });
}

/** What stands between backticks is code. @param {string} text */
export function code(text) {
  return text.split("`").map((part, n) => (n % 2 ? h("code", {}, part) : part));
}

/** @returns {Promise<any>} The list, or the problem that kept it away. */
async function look(name, key) {
  try {
    const response = await fetch(`/api/v1/${name}`, { headers: credentials(key), cache: "no-store" });
    return await response.json();
  } catch {
    return { cause: "server_unreachable" };
  }
}

/** @returns {Promise<any>} Nothing, or the problem that was in the way. */
async function changeAt(method, path, key) {
  try {
    const response = await fetch(path, { method, headers: credentials(key) });
    return response.ok ? null : await response.json();
  } catch {
    return { cause: "server_unreachable" };
  }
}

/** The page's own words for what is likely here; else what the server said. */
function trouble(name, { cause, title, detail }) {
  const own = [`list.trouble.${cause}`, `trouble.${cause}`].find(isWord);
  const words = own ? code(t(own)) : [h("strong", {}, title ?? t("trouble.server_unreachable")), detail ? h("span", { class: "detail" }, detail) : ""];
  return h("p", { class: "refusal", role: "alert" }, ...words);
}
