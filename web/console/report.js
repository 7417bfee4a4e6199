/** @file The doctor's report, drawn: the verdict on top, then everything that was looked at. */
import { h } from "/assets/web/page/dom.js";
import { currentLanguage } from "/assets/web/page/words.js";
import { t } from "./words.js";

const SIGNS = { good: "✓", warning: "!", fault: "✗", skipped: "–" };
/** How long a button says that something was copied. */
const COPIED_MS = 2_000;

/** @param {any} report What `POST /api/v1/doctor` answered. */
export function reportView(report) {
  const { verdict, also = [], warnings = [], steps = [], skipped = [], found = [], crashed = [], not_the_cause: ruledOut = [] } = report;
  return h(
    "article",
    { class: `report is-${ending(report)}` },
    verdictView(report, verdict),
    also.length > 0 && section("also", ...also.map(findingView)),
    warnings.length > 0 && section("warnings", ...warnings.map(findingView)),
    steps.length > 0 && section("looked", ...steps.map(stepView)),
    skipped.length > 0 && section("skipped", h("ul", { class: "lines" }, ...skipped.map(skippedView))),
    crashed.length > 0 && section("crashed", h("ul", { class: "lines" }, ...crashed.map(({ check, said }) => lineView("warning", causeLink(check), `: ${said}`)))),
    ruledOut.length > 0 && folded("ruledOut", ruledOut.length, h("ul", { class: "ruled-out" }, ...ruledOut.map(({ cause, why }) => h("li", {}, causeLink(cause), h("span", {}, ...withCode(why)))))),
    found.length > 0 && folded("found", found.length, h("ul", { class: "ruled-out" }, ...found.map(({ what, from }) => h("li", {}, h("span", {}, ...withCode(what)), h("span", { class: "quiet" }, ...withCode(from)))))),
    foot(report),
  );
}

/** @returns {"fault" | "good" | "warning" | "unknown"} */
function ending({ cause, healthy, warnings = [] }) {
  if (cause) return "fault";
  if (!healthy) return "unknown";
  return warnings.length > 0 ? "warning" : "good";
}

function verdictView(report, verdict) {
  const how = ending(report);
  const sign = h("span", { class: "verdict-sign", "aria-hidden": "true" }, how === "unknown" ? "?" : SIGNS[how]);
  const target = report.target && h("p", { class: "target" }, h("code", {}, report.target));
  if (!verdict) {
    return h("section", { class: "verdict" }, sign, h("div", { class: "verdict-text" }, h("h2", {}, t(how)), h("p", { class: "sentence" }, report.sentence), target));
  }
  return h(
    "section",
    { class: "verdict" },
    sign,
    h(
      "div",
      { class: "verdict-text" },
      h("p", { class: "id" }, causeLink(verdict.cause), certainty(verdict.certainty)),
      h("h2", {}, verdict.title),
      h("p", { class: "sentence" }, ...withCode(verdict.sentence)),
      target,
      factsView(verdict.facts),
      remedy(verdict),
    ),
  );
}

/** A second cause, or what will hurt. */
function findingView(finding) {
  return h(
    "details",
    { class: "finding" },
    h("summary", {}, h("span", { class: "finding-title" }, causeLink(finding.cause, "span"), certainty(finding.certainty)), h("span", {}, ...withCode(finding.sentence))),
    factsView(finding.facts),
    remedy(finding),
  );
}

function certainty(word) {
  return h("span", { class: `certainty is-${word}` }, t(`certainty.${word}`));
}

function factsView(facts = []) {
  if (facts.length === 0) return null;
  const fact = ({ what, quote, at }) =>
    h("li", {}, h("p", {}, ...withCode(what), at ? h("span", { class: "at" }, at) : ""), quote && h("pre", { class: "quote", tabindex: "0" }, h("code", {}, quote)));
  return h("section", { class: "facts-seen" }, h("h3", {}, t("evidence")), h("ul", {}, ...facts.map(fact)));
}

function remedy({ explain, fix = [], check }) {
  return h(
    "section",
    { class: "remedy" },
    fix.length > 0 && h("h3", {}, t("fix")),
    ...fix.map(copyable),
    check && h("p", { class: "check" }, h("strong", {}, `${t("check")} `), ...withCode(check)),
    explain && h("p", { class: "explain" }, ...withCode(explain)),
  );
}

function stepView({ title, lines }) {
  return h("section", { class: "step" }, h("h3", {}, title), h("ul", { class: "lines" }, ...lines.map(({ mark, text }) => lineView(mark, ...withCode(text)))));
}

function lineView(mark, ...content) {
  return h("li", { class: `line is-${mark}` }, signOf(mark), h("span", { class: "line-text" }, ...content));
}

function skippedView({ what, why, try: command }) {
  return h("li", { class: "line is-skipped" }, signOf("skipped"), h("div", { class: "line-text" }, h("p", {}, ...withCode(what), h("span", { class: "quiet" }, ": ", ...withCode(why))), command && copyable(command)));
}

function signOf(mark) {
  return h("span", { class: "sign" }, h("span", { "aria-hidden": "true" }, SIGNS[mark] ?? "·"), h("span", { class: "unseen" }, `${t(`mark.${mark}`)}: `));
}

/** Something to paste into a terminal or a file, with a button that takes it. */
function copyable(text) {
  const code = h("code", {}, text);
  return h("div", { class: "copyable" }, h("pre", { tabindex: "0" }, code), copyButton("copy", () => text, code));
}

function copyButton(word, text, shown) {
  const button = h("button", { type: "button", class: "button copy" }, t(word));
  button.addEventListener("click", async () => {
    const copied = await copy(text(), shown);
    button.textContent = t(copied ? "copied" : "copyByHand");
    setTimeout(() => (button.textContent = t(word)), COPIED_MS);
  });
  return button;
}

/** A page without TLS has no clipboard to write to: there the text is marked, to be taken by hand. */
async function copy(text, shown) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    if (shown) getSelection().selectAllChildren(shown);
    return false;
  }
}

function folded(word, count, content) {
  return h("details", { class: "folded" }, h("summary", {}, `${t(word)} (${count})`), content);
}

function foot(report) {
  const took = typeof report.seconds === "number" && t("took", { n: new Intl.NumberFormat(currentLanguage(), { maximumFractionDigits: 1 }).format(report.seconds) });
  return h("footer", { class: "report-foot" }, h("span", { class: "quiet" }, took), copyButton("copyReport", () => JSON.stringify(report, null, 2), null));
}

function section(word, ...content) {
  return h("section", { class: `part is-${word}` }, h("h2", {}, t(word)), ...content);
}

/** The cause's id, leading to its page; inside something to click it leads nowhere. */
function causeLink(id, tag = "a") {
  const props = tag === "a" ? { href: `/docs/causes/${encodeURIComponent(id)}?lang=${currentLanguage()}` } : {};
  return h(tag, { class: "cause-id", ...props }, h("code", {}, id));
}

/** Text whose `names` stand between back quotes. */
function withCode(text) {
  return String(text ?? "").split("`").map((part, n) => (n % 2 ? h("code", {}, part) : part));
}
