/** @file Where the page starts: who is it, and then the chats or the door. */
import { App } from "./app.js";
import { Session } from "./session.js";
import { signInView } from "./signin.js";
import { chooseLanguage, setLanguage } from "./words.js";

const root = document.getElementById("app");
const address = new URLSearchParams(location.search);
/** @type {{tenant: string | null, demo: boolean}} Until the server has said otherwise. */
let info = { tenant: null, demo: false };

chooseLanguage();
// Asked first, so that the door of the demo looks right from its first moment on.
info = await fetch("/api/v1/info").then((response) => response.json()).catch(() => info);
const guest = takeDemoGuest();
const session = guest ? await Session.signIn({ username: guest, password: guest }).catch(() => null) : Session.restore();
if (session) enter(session);
else door();

/** The demo's addresses name a person whose password is the name; taken out, so that a reload is no new sign-in. */
function takeDemoGuest() {
  const name = info.demo ? address.get("user") : null;
  if (!name || location.hash) return null;
  const others = new URLSearchParams(address);
  others.delete("user");
  history.replaceState(null, "", `${location.pathname}${others.size ? `?${others}` : ""}`);
  return name;
}

function door() {
  const tenant = address.get("tenant") ?? address.get("schema");
  const view = signInView({
    info,
    name: address.get("user") ?? "",
    tenant,
    async signIn(credentials) {
      enter(await Session.signIn(credentials));
    },
    changeLanguage(tag) {
      setLanguage(tag);
      door();
    },
  });
  root.replaceChildren(view);
  view.querySelector("input:not([value])")?.focus();
}

function enter(session) {
  const app = new App(root, session, {
    signOut() {
      history.replaceState(null, "", "/");
      door();
    },
  });
  app.start();
}
