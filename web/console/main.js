/**
 * @file The doctor in the browser: asks this server's own doctor with the operator's key, and shows its report.
 *
 * The key and the token go to this server alone, and are kept in the form's fields: in no storage and in no address.
 */
import { h } from "/assets/web/page/dom.js";
import { chooseLanguage, currentLanguage, setLanguage } from "/assets/web/page/words.js";
import { frame } from "./operator.js";
import { reportView } from "./report.js";
import { isWord, t } from "./words.js";

const root = document.getElementById("console");
const place = h("div", { class: "place", "aria-live": "polite" });
/** What the reader typed, kept over a change of language. */
const typed = { key: "", chat: "", user: "", token: "", tenant: "" };
/** @type {{tenant: string | null}} */
let info = { tenant: null };
/** The question that the report on the page answers. */
let answered = null;
let asking = false;

chooseLanguage();
info = await fetch("/api/v1/info").then((response) => response.json()).catch(() => info);
draw();

function draw() {
  document.title = `${t("title")} · Charla`;
  root.replaceChildren(frame("doctor", change), h("main", { class: "doctor" }, h("h1", {}, t("title")), h("p", { class: "lead" }, t("lead")), form(), place));
}

/** A report comes in one language: in another one it is asked for again. */
function change(tag) {
  setLanguage(tag);
  draw();
  root.querySelector(`.languages [lang="${tag}"]`).focus();
  if (answered) ask(answered);
  else place.replaceChildren();
}

function form() {
  const view = h(
    "form",
    {
      class: "question",
      autocomplete: "off",
      on: {
        submit(event) {
          event.preventDefault();
          ask({ ...typed });
        },
      },
    },
    field("key", { type: "password", required: true, autocomplete: "current-password" }),
    field("chat", {}),
    !info.tenant && field("tenant", {}),
    field("user", {}),
    field("token", { type: "password", autocomplete: "off" }),
    h("div", { class: "field go" }, h("button", { type: "submit", class: "button primary wide", disabled: asking }, t("look"))),
  );
  return view;
}

function field(name, props) {
  const hint = `${name}-hint`;
  const input = h("input", { type: "text", name, value: typed[name], spellcheck: "false", autocapitalize: "none", "aria-describedby": hint, ...props });
  input.addEventListener("input", () => (typed[name] = input.value));
  return h("label", { class: `field is-${name}` }, h("span", {}, t(name)), input, h("small", { id: hint }, ...t(`${name}Hint`).split("`").map((part, n) => (n % 2 ? h("code", {}, part) : part))));
}

async function ask(question) {
  if (asking) return;
  setAsking(true);
  const seconds = h("span", { class: "quiet" });
  const began = performance.now();
  const timer = setInterval(() => (seconds.textContent = t("seconds", { n: Math.round((performance.now() - began) / 1_000) })), 1_000);
  place.replaceChildren(h("p", { class: "looking", role: "status" }, h("span", { class: "spinner", "aria-hidden": "true" }), h("span", {}, t("looking")), seconds));
  try {
    const report = await look(question);
    answered = question;
    place.replaceChildren(reportView(report));
    place.scrollIntoView({ block: "start" });
  } catch (trouble) {
    answered = null;
    place.replaceChildren(h("p", { class: "refusal", role: "alert" }, ...sayTrouble(trouble)));
  } finally {
    clearInterval(timer);
    setAsking(false);
  }
}

function setAsking(now) {
  asking = now;
  const button = root.querySelector(".question button");
  button.disabled = now;
}

async function look({ key, ...asked }) {
  const question = Object.fromEntries(Object.entries(asked).map(([name, value]) => [name, value.trim()]).filter(([, value]) => value !== ""));
  const headers = { authorization: `Bearer ${key.trim()}`, "content-type": "application/json", "accept-language": currentLanguage() };
  let response;
  try {
    response = await fetch("/api/v1/doctor", { method: "POST", headers, body: JSON.stringify(question), cache: "no-store" });
  } catch {
    throw { cause: "server_unreachable" };
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok || answer === null) throw answer ?? { cause: "server_unreachable" };
  return answer;
}

/** The page's own words for what is likely here; else what the server said. */
function sayTrouble({ cause, title, detail, retry_in_ms: wait = 0 }) {
  const name = `trouble.${cause}`;
  if (isWord(name)) return t(name, { n: Math.ceil(wait / 1_000) }).split("`").map((part, n) => (n % 2 ? h("code", {}, part) : part));
  return [h("strong", {}, title ?? t("trouble.server_unreachable")), detail ? h("span", { class: "detail" }, detail) : ""];
}
