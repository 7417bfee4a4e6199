/** @file The limits of one tenant or for all: shown with what they come from and what is used of them, and changed one at a time. */
import { h } from "/assets/web/page/dom.js";
import { share } from "./charts.js";
import { confirm } from "./confirm.js";
import { size } from "./ledger.js";
import { groupOf, meaning, say } from "./limits-words.js";
import { credentials } from "./live.js";
import { code, number } from "./operator.js";

const GROUPS = ["tenant", "user", "connection", "node"];

/** A figure in the limit's own unit. @param {string} name @param {number} amount */
export function amount(name, amount) {
  return name.startsWith("bytes_") ? size(amount) : number(amount);
}

/** How much is used of how much, with a bar. @param {string} name @param {{used: number, of?: number}} figure */
export function usedView(name, { used, of }) {
  if (!of) return [h("span", {}, say("used.unlimited", { used: amount(name, used) }))];
  return [h("span", {}, say("used", { used: amount(name, used), of: amount(name, of) })), share(Math.min(1, used / of))];
}

export class LimitsPanel {
  #tenant = null;
  #answer = null;
  /** What is being changed: `{name, text, trouble}`. */
  #edit = null;
  /** What could not be taken back: `{name, trouble}`. */
  #kept = null;
  #asked = 0;
  #rows = new Map();
  #said = "";

  /** @param {() => string} key */
  constructor(key) {
    this.key = key;
    this.element = h("section", { class: "part limits", id: "limits", "aria-live": "polite" });
  }

  get tenant() {
    return this.#tenant;
  }

  /** Shows a tenant's, or those for all. @param {string | null} tenant */
  async choose(tenant) {
    this.#tenant = tenant;
    this.#edit = null;
    this.#kept = null;
    this.#said = "";
    this.#answer = null;
    await this.look();
  }

  /** Asks for them anew: somebody may have changed them, here or elsewhere. */
  async look() {
    const asked = ++this.#asked;
    const answer = await this.#ask("GET");
    if (asked !== this.#asked) return;
    this.#answer = answer;
    this.draw();
  }

  /** What the live figures say of this tenant. @param {any} figures */
  hear({ limits, refused }) {
    for (const [name, row] of this.#rows) {
      if (limits[name]) row.used.replaceChildren(...usedView(name, limits[name]));
      drawRefused(row.refused, refused[name] ?? 0);
    }
  }

  draw() {
    const heading = h("h2", {}, this.#tenant === null ? say("all") : say("of", { tenant: this.#tenant }));
    const answer = this.#answer;
    this.#rows.clear();
    if (!answer) return this.element.replaceChildren(heading);
    if (!answer.limits) return this.element.replaceChildren(heading, h("p", { class: "refusal", role: "alert" }, ...reason(answer)));
    const all = Object.entries(answer.limits);
    const group = (name) => {
      const rows = all.filter(([limit]) => groupOf(limit) === name).map(([limit, figure]) => this.#row(limit, figure));
      return rows.length ? [h("h3", {}, say(`group.${name}`)), h("ul", { class: "limit-list" }, ...rows)] : [];
    };
    const said = h("p", { class: "said", role: "status" }, this.#said);
    const looks = answer.may_change ? [] : [h("p", { class: "quiet only-look" }, ...code(say("look")))];
    this.element.replaceChildren(heading, ...looks, said, ...GROUPS.flatMap(group));
    this.element.querySelector(".limit-form input")?.focus();
  }

  #row(name, figure) {
    const used = h("div", { class: "used" });
    const refused = h("p", { class: "limit-refused" });
    if (figure.used !== undefined) used.replaceChildren(...usedView(name, figure));
    drawRefused(refused, figure.refused ?? 0);
    this.#rows.set(name, { used, refused });
    const place = [this.#tenant !== null && say(figure.own ? "own" : "everybody"), say(`source.${figure.source}`, { place: figure.place })].filter(Boolean).join(" · ");
    return h(
      "li",
      { "data-limit": name, class: figure.own ? "is-own" : null },
      h("div", { class: "limit-name" }, h("code", {}, name), h("small", {}, meaning(name, figure.meaning))),
      h("div", { class: "limit-value" }, h("strong", { "data-value": String(figure.value) }, String(figure.value)), h("small", {}, ...code(place))),
      h("div", { class: "limit-use" }, used, refused),
      this.#answer.may_change ? this.#deeds(name, figure) : h("div", { class: "limit-deeds" }),
    );
  }

  #deeds(name, figure) {
    if (this.#edit?.name === name) return this.#form(name, figure);
    const begin = () => {
      this.#edit = { name, text: String(figure.value), trouble: null };
      this.draw();
    };
    // A tenant's own hides one for all, and only what the API was given can be taken back over it.
    const isGiven = figure.source === "api" && figure.own === (this.#tenant !== null);
    const button = (word, click) => h("button", { type: "button", class: "button small", "aria-label": say(`${word}.label`, { name }), on: { click } }, say(word));
    const trouble = this.#kept?.name === name && this.#kept.trouble;
    return h("div", { class: "limit-deeds" }, button("change", begin), isGiven && button("takeBack", () => this.#takeBack(name, figure)), trouble && troubleView(name, trouble));
  }

  #form(name, figure) {
    const edit = this.#edit;
    const input = h("input", { type: "text", name, value: edit.text, maxlength: "64", required: true, spellcheck: "false", autocapitalize: "none", autocomplete: "off", "aria-label": name, "aria-invalid": edit.trouble ? "true" : null, "aria-describedby": edit.trouble ? `trouble-${name}` : null });
    input.addEventListener("input", () => (edit.text = input.value));
    const cancel = () => {
      this.#edit = null;
      this.draw();
      this.element.querySelector(`[data-limit=${name}] button`)?.focus();
    };
    const submit = (event) => {
      event.preventDefault();
      this.#set(name, figure, edit);
    };
    return h(
      "form",
      { class: "limit-form", on: { submit } },
      input,
      h("button", { type: "submit", class: "button small primary" }, say("set")),
      h("button", { type: "button", class: "button small", on: { click: cancel } }, "✕"),
      edit.trouble && troubleView(name, edit.trouble),
    );
  }

  #whose() {
    return this.#tenant ?? say("everyone");
  }

  #set(name, figure, edit) {
    confirm({
      title: say("sure.title", { name, whose: this.#whose() }),
      text: say("sure.text", { was: figure.value, to: edit.text.trim() }),
      button: say("set"),
      act: async () => {
        const refusal = await this.#change({ [name]: edit.text.trim() }, name);
        if (refusal) edit.trouble = refusal;
        else this.#edit = null;
        this.draw();
      },
    });
  }

  #takeBack(name, figure) {
    confirm({
      title: say("back.title", { name, whose: this.#whose() }),
      text: say("back.text", { was: figure.value }),
      button: say("takeBack"),
      act: async () => {
        const trouble = await this.#change({ [name]: null }, name);
        this.#kept = trouble ? { name, trouble } : null;
        this.draw();
      },
    });
  }

  /** Why it was refused; nothing where it holds. */
  async #change(changes, name) {
    const answer = await this.#ask("PATCH", changes);
    if (!answer.limits) return answer;
    this.#asked += 1;
    this.#answer = answer;
    this.#said = say("holds", { name, value: String(answer.limits[name].value) });
    return null;
  }

  async #ask(method, changes) {
    const path = this.#tenant === null ? "/api/v1/limits" : `/api/v1/tenants/${encodeURIComponent(this.#tenant)}/limits`;
    const type = changes ? { "content-type": "application/json" } : {};
    try {
      const response = await fetch(path, { method, headers: { ...credentials(this.key()), ...type }, body: changes && JSON.stringify(changes), cache: "no-store" });
      return await response.json();
    } catch {
      return { title: say("away") };
    }
  }
}

function drawRefused(place, count) {
  place.classList.toggle("is-some", count > 0);
  place.replaceChildren(count > 0 ? say("refused", { n: number(count) }) : "");
}

/** What the server says of this very value; else what it calls the refusal. */
function reason({ title, detail }) {
  return code(detail || title || say("away"));
}

function troubleView(name, problem) {
  return h("p", { class: "limit-trouble", role: "alert", id: `trouble-${name}` }, ...reason(problem));
}
