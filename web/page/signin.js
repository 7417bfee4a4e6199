/** @file The door: a name and a password. */
import { h, mark } from "./dom.js";
import { causeTitle, currentLanguage, LANGUAGES, t } from "./words.js";

/** Who the demo knows; their password is their name. */
const DEMO_PEOPLE = ["ana", "luis", "sofia"];

/**
 * @param {object} door
 * @param {{tenant: string | null, demo: boolean}} door.info
 * @param {string} door.name
 * @param {string | null} door.tenant From the address.
 * @param {(credentials: {username: string, password: string, tenant?: string | null}) => Promise<void>} door.signIn
 * @param {(tag: string) => void} door.changeLanguage
 */
export function signInView({ info, name, tenant, signIn, changeLanguage }) {
  const error = h("p", { class: "form-error", role: "alert" });
  const submit = h("button", { type: "submit", class: "button primary wide" }, t("signIn"));
  const askTenant = !tenant && !info.tenant;

  async function enter(credentials) {
    error.textContent = "";
    submit.disabled = true;
    submit.textContent = t("signingIn");
    try {
      await signIn({ tenant: tenant ?? info.tenant, ...credentials });
    } catch (refusal) {
      error.textContent = sayRefusal(refusal);
      submit.disabled = false;
      submit.textContent = t("signIn");
    }
  }

  const form = h(
    "form",
    {
      class: "door-form",
      on: {
        submit(event) {
          event.preventDefault();
          enter(Object.fromEntries(new FormData(form)));
        },
      },
    },
    askTenant && field("tenant", { autocomplete: "organization", required: true }),
    field("name", { name: "username", autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: true, value: name || null }),
    field("password", { type: "password", autocomplete: "current-password", required: true }),
    error,
    submit,
  );

  return h(
    "main",
    { class: "door" },
    h(
      "div",
      { class: "door-card" },
      h("header", { class: "door-brand" }, mark(), h("h1", {}, "Charla"), h("p", { class: "quiet" }, t("tagline"))),
      form,
      info.demo && demoPeople(enter),
    ),
    languageSwitch(changeLanguage),
  );
}

function field(key, { name = key, type = "text", ...more }) {
  return h("label", { class: "field" }, h("span", {}, t(key)), h("input", { name, type, ...more }));
}

function demoPeople(enter) {
  const buttons = DEMO_PEOPLE.map((person) =>
    h(
      "button",
      {
        type: "button",
        class: "chip",
        "aria-label": t("enterAs", { name: person }),
        on: { click: () => enter({ username: person, password: person }) },
      },
      person,
    ),
  );
  return h("div", { class: "door-demo" }, h("p", { class: "quiet" }, t("demoHint")), h("div", { class: "chips" }, ...buttons));
}

function sayRefusal({ cause }) {
  if (cause === "server_unreachable") return t("noServer");
  return cause === "rate_limited" ? t("tooMany") : causeTitle(cause);
}

export function languageSwitch(change) {
  const buttons = Object.entries(LANGUAGES).map(([tag, label]) =>
    h(
      "button",
      { type: "button", lang: tag, "aria-pressed": String(tag === currentLanguage()), title: label, on: { click: () => change(tag) } },
      tag.toUpperCase(),
      h("span", { class: "unseen" }, ` ${label}`),
    ),
  );
  return h("div", { class: "languages", role: "group", "aria-label": t("language") }, ...buttons);
}
