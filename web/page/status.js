/**
 * @file What goes on with the connection, in words: a banner while it is away, a card when it is refused.
 *
 * The cause is always named with its code and a link to what it means. The countdown is drawn but not
 * read out; what is read out is each change of state.
 */
import { h, icon } from "./dom.js";
import { causeTitle, currentLanguage, isDocumented, t } from "./words.js";

/** A connection that comes up faster than this is not worth a word. */
const PATIENCE_MS = 600;
/** Causes that a new sign-in can mend. */
const SIGN_IN = new Set(["token_missing", "token_malformed", "token_invalid", "token_expired", "token_revoked", "token_not_yet_valid", "token_user_mismatch", "user_unknown", "user_inactive", "refresh_invalid", "refresh_reused"]);

export class Banner {
  #line = h("div", { class: "banner-line" });
  #said = h("p", { class: "unseen", role: "status" });
  #countdown = null;
  #patience;

  /** @param {{tryNow(): void, signIn(): void, report(): any, cycles: number}} act */
  constructor(act) {
    this.act = act;
    this.element = h("section", { class: "banner", "aria-label": t("connection"), hidden: true }, this.#line);
    this.live = this.#said;
    setInterval(() => this.#count(), 250);
  }

  /** @param {any} state The client's state, with what was before it. */
  update(state, wasUp) {
    clearTimeout(this.#patience);
    this.#countdown = null;
    const show = STATES[state.name];
    if (!show) {
      if (!this.element.hidden && state.name === "connected") this.#said.textContent = t("connected");
      this.element.hidden = true;
      return;
    }
    const draw = () => show.call(this, state, wasUp);
    // While the banner stands there already it changes at once.
    if (!this.element.hidden || state.name === "disabled") draw();
    else this.#patience = setTimeout(draw, PATIENCE_MS);
  }

  show(kind, title, facts, ...actions) {
    this.element.hidden = false;
    this.element.className = `banner is-${kind}`;
    const sign = kind === "working" ? h("span", { class: "spinner", "aria-hidden": "true" }) : icon(kind === "stopped" ? "plug" : "alert");
    this.#line.replaceChildren(sign, h("div", { class: "banner-text" }, h("strong", {}, title), ...facts), h("div", { class: "banner-actions" }, ...actions));
    if (this.#said.textContent !== title) this.#said.textContent = title;
  }

  count(until) {
    const text = h("span", { class: "countdown" });
    this.#countdown = { until, text };
    this.#count();
    return text;
  }

  #count() {
    if (!this.#countdown) return;
    const { until, text } = this.#countdown;
    const left = Math.ceil((until - Date.now()) / 1_000);
    text.textContent = left > 0 ? t("retryIn", { n: left }) : t("retryNow");
  }
}

const STATES = {
  refreshing: working,
  connecting: working,
  waiting(state) {
    const title = state.cause ? causeTitle(state.cause) : t("lost");
    if (state.held) return this.show("waiting", title, [facts(state), h("span", { class: "banner-next" }, t("whenOnline"))]);
    const { attempt, of, cycle } = state;
    const place = h("span", { class: "place" }, t("attempt", { attempt, of, cycle, cycles: this.act.cycles }));
    return this.show("waiting", title, [facts(state), h("span", { class: "banner-next" }, this.count(state.until), place)], button("tryNow", this.act.tryNow, "retry"));
  },
  disabled(state) {
    const after = state.exhausted ? t("gaveUp", { n: state.spent }) : t("refused");
    this.show("stopped", causeTitle(state.cause), [facts(state), h("span", { class: "banner-next" }, after)], ...remedies(state, this.act));
  },
};

function working(state, wasUp) {
  const first = !wasUp && state.cycle === 1 && state.attempt <= 1;
  this.show("working", t(first ? "connecting" : "reconnecting"), []);
}

/**
 * A refusal in the place of what was asked for.
 * @param {{cause: string | null, code: number, detail?: string, exhausted?: boolean}} problem
 * @param {{tryNow(): void, signIn(): void, toChats?(): void, report(): any}} act
 */
export function problemCard(problem, act) {
  const explain = h("p", { class: "explain" });
  explainCause(problem.cause).then((text) => (explain.textContent = text));
  return h(
    "section",
    { class: "problem", role: "alert" },
    h("span", { class: "problem-sign" }, icon("plug")),
    h("p", { class: "problem-code" }, problem.code === 1006 ? "" : String(problem.code)),
    h("h2", {}, causeTitle(problem.cause)),
    explain,
    problem.detail && h("p", { class: "detail" }, problem.detail),
    h("p", { class: "problem-facts" }, facts(problem)),
    h("div", { class: "problem-actions" }, ...remedies(problem, act)),
  );
}

function remedies({ cause, exhausted }, act) {
  const signIn = SIGN_IN.has(cause);
  return [
    signIn && button("signInAgain", act.signIn, null, "primary"),
    !signIn && act.toChats && button("toMyChats", act.toChats, null, "primary"),
    !signIn && button("retry", act.tryNow, "retry", !act.toChats || exhausted ? "primary" : ""),
    reportButton(act.report),
  ].filter(Boolean);
}

/** The code, the cause's id, and where it is explained. */
function facts({ cause, code }) {
  if (!cause) return h("span", { class: "facts" }, h("code", {}, String(code)));
  return h(
    "span",
    { class: "facts" },
    code !== 1006 && h("code", { class: "close-code", title: t("code", { code }) }, String(code)),
    h("code", { class: "cause-id" }, cause),
    isDocumented(cause) && h("a", { href: `/docs/causes/${encodeURIComponent(cause)}?lang=${currentLanguage()}`, target: "_blank", rel: "noopener" }, t("why")),
  );
}

function button(key, listener, sign = null, kind = "") {
  return h("button", { type: "button", class: `button ${kind}`, on: { click: listener } }, sign && icon(sign), t(key));
}

function reportButton(report) {
  const copy = async (event) => {
    const { target } = event;
    await navigator.clipboard.writeText(JSON.stringify(report(), null, 2));
    target.textContent = t("copied");
  };
  // Browsers lend the clipboard to secure pages only.
  return navigator.clipboard && h("button", { type: "button", class: "button plain", on: { click: copy } }, t("copyReport"));
}

/** The catalogue's own sentence, where the server can still be asked. */
async function explainCause(cause) {
  try {
    const response = await fetch(`/api/v1/causes?lang=${currentLanguage()}`);
    const { causes } = await response.json();
    return causes.find(({ id }) => id === cause)?.explain ?? "";
  } catch {
    return "";
  }
}
