/** @file The close ledger: a search over all nodes. What is looked for stands in the address, the key never does. */
import { h } from "/assets/web/page/dom.js";
import { currentLanguage } from "/assets/web/page/words.js";
import { credentials } from "./live.js";
import { head, wideTable } from "./operator.js";
import { say } from "./overview-words.js";

const FIELDS = ["q", "tenant", "cause", "kind"];
/** When the ledger is looked at after a disconnect, each after the one before. */
const LOOKS_MS = [200, 400, 800, 1_600];

/** @param {number} ms */
export function duration(ms) {
  if (ms < 1000) return `${ms} ms`;
  const units = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1000]];
  const n = units.findIndex(([, size]) => ms >= size);
  const [name, size] = units[n];
  const [nextName, nextSize] = units[n + 1] ?? [];
  const rest = nextName ? Math.floor((ms % size) / nextSize) : 0;
  return `${Math.floor(ms / size)} ${name}${rest ? ` ${rest} ${nextName}` : ""}`;
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  const units = [["GiB", 1024 ** 3], ["MiB", 1024 ** 2], ["KiB", 1024]];
  const [unit, one] = units.find(([, one]) => bytes >= one);
  const value = bytes / one;
  return `${value.toLocaleString(currentLanguage(), { maximumFractionDigits: 1 })} ${unit}`;
}

/** A cause as it is linked everywhere; `none` is a client that just left. */
export function causeLink(cause) {
  if (cause === "none") return h("span", { class: "quiet" }, say("cause.none"));
  return h("a", { class: "cause-id", href: `/docs/causes/${cause}?lang=${currentLanguage()}` }, h("code", {}, cause));
}

export class Ledger {
  #entries = [];
  #page = null;
  #problem = null;
  #asked = 0;

  /** @param {{key: () => string, act: (entry: any) => void}} operator */
  constructor({ key, act }) {
    this.key = key;
    this.act = act;
    this.fields = this.#form(new URLSearchParams(location.search));
    this.found = h("div", { class: "found", "aria-live": "polite" });
    const submit = (event) => {
      event.preventDefault();
      this.search();
    };
    const form = h(
      "form",
      { class: "search", role: "search", autocomplete: "off", on: { submit } },
      ...FIELDS.map((name) => h("label", { class: `field is-${name}` }, h("span", {}, say(`ledger.${name}`)), this.fields[name])),
      h("button", { type: "submit", class: "button primary" }, say("ledger.search")),
    );
    this.element = h("section", { class: "part ledger", id: "ledger" }, h("h2", {}, say("ledger")), h("p", { class: "quiet" }, say("ledger.lead")), form, this.found);
  }

  #form(asked) {
    const text = (name) => h("input", { name, type: "search", maxlength: "128", spellcheck: "false", autocapitalize: "none", value: asked.get(name) ?? "" });
    const choice = (name, values, label) => {
      const select = h("select", { name }, h("option", { value: "" }, say("ledger.any")), ...values.map((value) => h("option", { value, selected: value === asked.get(name) }, label(value))));
      select.addEventListener("change", () => this.search());
      return select;
    };
    const causeName = (cause) => (cause === "none" ? say("cause.none") : cause);
    return { q: text("q"), tenant: text("tenant"), cause: choice("cause", [...new Set(["none", asked.get("cause")])].filter(Boolean), causeName), kind: choice("kind", ["open", "ended", "refused"], (kind) => say(`kind.${kind}`)) };
  }

  /** The causes to choose from, once they are known. @param {string[]} causes */
  learn(causes) {
    const { cause } = this.fields;
    const chosen = cause.value;
    cause.replaceChildren(...[...cause.options].slice(0, 2), ...causes.map((id) => h("option", { value: id }, id)));
    cause.value = chosen;
  }

  /** Looks for this, as if somebody had filled it in. @param {Record<string, string>} wanted */
  find(wanted) {
    for (const name of FIELDS) this.fields[name].value = wanted[name] ?? "";
    this.element.scrollIntoView({ behavior: "smooth" });
    this.search();
  }

  #query() {
    const given = FIELDS.map((name) => [name, this.fields[name].value.trim()]).filter(([, value]) => value !== "");
    return new URLSearchParams(given);
  }

  async search(before = null) {
    const query = this.#query();
    history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
    if (before) query.set("before", before);
    const asked = ++this.#asked;
    let page;
    try {
      const response = await fetch(`/api/v1/console/ledger?${query}`, { headers: credentials(this.key()), cache: "no-store" });
      page = await response.json();
    } catch {
      page = { title: say("failed", { why: "fetch" }) };
    }
    if (asked !== this.#asked) return;
    this.#problem = page.entries ? null : page;
    this.#entries = before ? [...this.#entries, ...(page.entries ?? [])] : (page.entries ?? []);
    this.#page = page.entries ? page : this.#page;
    this.#draw();
  }

  /**
   * Searches again until none of somebody's connections is open any more: those on other nodes end when these hear of it. Who comes
   * back at once is open again, so it ends with the last look.
   */
  async untilGone({ tenant, user }) {
    const isOpen = (entry) => entry.kind === "open" && entry.tenant === tenant && entry.user === user;
    for (const wait of LOOKS_MS) {
      if (!this.#entries.some(isOpen)) return;
      await new Promise((done) => setTimeout(done, wait));
      await this.search();
    }
  }

  #draw() {
    if (this.#problem) return this.found.replaceChildren(h("p", { class: "refusal", role: "alert" }, this.#problem.title ?? "", h("span", { class: "detail" }, this.#problem.detail ?? "")));
    const missing = this.#page.nodes.filter((node) => !node.answered).map((node) => node.name ?? node.id.slice(0, 8));
    const since = this.#page.nodes.map((node) => node.since).filter(Boolean).sort().at(0);
    const heads = ["when", "what", "who", "where", "lasted", "ping", "queued"].map((name) => head(say(`column.${name}`)));
    const older = this.#page.more && h("button", { type: "button", class: "button", on: { click: () => this.search(this.#entries.at(-1).at) } }, say("ledger.older"));
    this.found.replaceChildren(
      ...(missing.length ? [h("p", { class: "refusal", role: "alert" }, say("ledger.missing", { nodes: missing.join(", ") }))] : []),
      this.#entries.length ? wideTable(say("ledger"), heads, this.#entries.map((entry) => this.#row(entry))) : h("p", { class: "quiet" }, say("ledger.none")),
      h("p", { class: "quiet foot" }, since ? say("ledger.back", { time: moment(since) }) : "", older || ""),
    );
  }

  #row(entry) {
    const open = entry.kind === "open";
    const who = [entry.tenant, entry.chat && say("chat", { chat: entry.chat })].filter(Boolean).join(" · ");
    return h(
      "tr",
      {},
      h("td", {}, h("time", { datetime: entry.at }, moment(entry.at)), h("small", { class: "mono", title: entry.connection }, `…${entry.connection.slice(-12)}`)),
      h(
        "td",
        {},
        h("span", { class: `kind is-${entry.kind}` }, say(`kind.${entry.kind}`)),
        " ",
        !open && causeLink(entry.cause),
        h("small", {}, entry.initiator ? say(`by.${entry.initiator}`) : (entry.detail ?? "")),
        open && h("button", { type: "button", class: "button small danger", on: { click: () => this.act(entry) } }, say("disconnect")),
      ),
      h("td", {}, h("strong", {}, entry.user ?? "–"), h("small", {}, who)),
      h("td", {}, h("span", { class: "mono" }, entry.address), h("small", {}, entry.node_name ?? entry.node.slice(0, 8))),
      h("td", { class: "number" }, entry.lasted_ms === null ? "–" : duration(entry.lasted_ms)),
      h("td", { class: "number" }, entry.pinged_at ? clockOf(entry.pinged_at) : "–", h("small", {}, entry.ponged_at ? clockOf(entry.ponged_at) : "–")),
      h("td", { class: "number" }, entry.kind === "refused" ? "–" : size(entry.queued_bytes), entry.kind !== "refused" && h("small", { "data-sent": entry.sent_bytes }, say("sent", { bytes: size(entry.sent_bytes) }))),
    );
  }
}

function clockOf(time) {
  return new Date(time).toLocaleTimeString(currentLanguage(), { hourCycle: "h23" });
}

function moment(time) {
  return new Date(time).toLocaleString(currentLanguage(), { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
}

