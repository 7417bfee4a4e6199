/** @file Every word a person reads on the page, in English and Spanish, and dates in their way. */
import { CAUSE_TITLES } from "/assets/charla/cause-titles.js";

export const LANGUAGES = { en: "English", es: "Español" };

const WORDS = {
  tagline: { en: "A chat that tells you why.", es: "Un chat que te dice por qué." },
  signIn: { en: "Sign in", es: "Entrar" },
  signingIn: { en: "Signing in…", es: "Entrando…" },
  signOut: { en: "Sign out", es: "Salir" },
  signInAgain: { en: "Sign in again", es: "Volver a entrar" },
  name: { en: "Name", es: "Nombre" },
  password: { en: "Password", es: "Contraseña" },
  tenant: { en: "Company", es: "Empresa" },
  demoHint: { en: "This is the demo: enter with one click.", es: "Esta es la demo: entra con un clic." },
  enterAs: { en: "Enter as {name}", es: "Entrar como {name}" },
  noServer: { en: "The server does not answer. Is it running?", es: "El servidor no responde. ¿Está en marcha?" },
  tooMany: { en: "Too many tries. Wait a moment.", es: "Demasiados intentos. Espera un momento." },
  language: { en: "Language", es: "Idioma" },
  chatNamed: { en: "Chat {chat}", es: "Chat {chat}" },
  chats: { en: "Chats", es: "Chats" },
  noChats: { en: "No chats yet.", es: "Aún no hay chats." },
  noChatsHint: { en: "When somebody adds you to one, it shows up here.", es: "Cuando alguien te añada a uno, aparecerá aquí." },
  support: { en: "Talk to support", es: "Hablar con soporte" },
  choose: { en: "Choose a chat", es: "Elige un chat" },
  chooseHint: { en: "Your conversations are on the left.", es: "Tus conversaciones están a la izquierda." },
  back: { en: "Back to the chats", es: "Volver a los chats" },
  toMyChats: { en: "Go to my chats", es: "Ir a mis chats" },
  unread: { en: { one: "{n} unread message", other: "{n} unread messages" }, es: { one: "{n} mensaje sin leer", other: "{n} mensajes sin leer" } },
  newMessages: { en: { one: "{n} new message", other: "{n} new messages" }, es: { one: "{n} mensaje nuevo", other: "{n} mensajes nuevos" } },
  messages: { en: "Messages", es: "Mensajes" },
  write: { en: "Write a message", es: "Escribe un mensaje" },
  send: { en: "Send", es: "Enviar" },
  save: { en: "Save", es: "Guardar" },
  cancel: { en: "Cancel", es: "Cancelar" },
  editing: { en: "Editing a message", es: "Editando un mensaje" },
  edit: { en: "Edit", es: "Editar" },
  edited: { en: "edited", es: "editado" },
  delete: { en: "Delete", es: "Borrar" },
  deleted: { en: "Message deleted", es: "Mensaje borrado" },
  deleteTitle: { en: "Delete this message?", es: "¿Borrar este mensaje?" },
  deleteText: { en: "It disappears for everybody in the chat.", es: "Desaparece para todos en el chat." },
  retry: { en: "Try again", es: "Reintentar" },
  discard: { en: "Discard", es: "Descartar" },
  notSent: { en: "Not sent", es: "Sin enviar" },
  waitingToSend: { en: "Waiting to be sent", es: "Esperando a enviarse" },
  sent: { en: "Sent", es: "Enviado" },
  readBy: { en: "Read by {names}", es: "Leído por {names}" },
  you: { en: "You", es: "Tú" },
  online: { en: "online", es: "en línea" },
  onlineNames: { en: "{names} online", es: "{names} en línea" },
  notConnected: { en: "Not connected", es: "Sin conexión" },
  onlyYou: { en: "Nobody else is here right now", es: "Ahora mismo no hay nadie más" },
  typingOne: { en: "{names} is typing…", es: "{names} está escribiendo…" },
  typingMany: { en: "{names} are typing…", es: "{names} están escribiendo…" },
  isClosed: { en: "This chat is closed.", es: "Este chat está cerrado." },
  closedBy: { en: "{name} closed this chat.", es: "{name} cerró este chat." },
  start: { en: "This is where the chat begins.", es: "Aquí empieza el chat." },
  loadingOlder: { en: "Loading older messages…", es: "Cargando mensajes anteriores…" },
  loading: { en: "Loading…", es: "Cargando…" },
  toBottom: { en: "Go to the latest", es: "Ir a lo último" },
  today: { en: "Today", es: "Hoy" },
  yesterday: { en: "Yesterday", es: "Ayer" },
  and: { en: "and", es: "y" },
  connection: { en: "Connection", es: "Conexión" },
  connecting: { en: "Connecting…", es: "Conectando…" },
  reconnecting: { en: "Reconnecting…", es: "Reconectando…" },
  connected: { en: "Connected", es: "Conectado" },
  retryIn: { en: "Next attempt in {n} s", es: "Próximo intento en {n} s" },
  retryNow: { en: "Trying now…", es: "Intentando ahora…" },
  attempt: { en: "attempt {attempt} of {of}, round {cycle} of {cycles}", es: "intento {attempt} de {of}, ronda {cycle} de {cycles}" },
  tryNow: { en: "Try now", es: "Intentar ya" },
  whenOnline: { en: "It reconnects by itself when the network is back.", es: "Se reconectará automáticamente cuando vuelva la red." },
  lost: { en: "The connection was lost", es: "Se perdió la conexión" },
  gaveUp: { en: "Tried {n} times. It will not try again by itself.", es: "Se intentó {n} veces. No se volverá a intentar si no lo pides." },
  refused: { en: "The server refused: trying again unchanged would not help.", es: "El servidor lo rechazó: reintentar sin cambiar nada no ayudaría." },
  why: { en: "What does this mean?", es: "¿Qué significa?" },
  code: { en: "code {code}", es: "código {code}" },
  copyReport: { en: "Copy the report", es: "Copiar el informe" },
  copied: { en: "Copied", es: "Copiado" },
  closeNotice: { en: "Close this notice", es: "Cerrar este aviso" },
  openLink: { en: "Open", es: "Abrir" },
  tooLong: { en: "{n} bytes too long", es: "Sobran {n} bytes" },
  "cause.outbox_full": { en: "Too many messages are waiting already", es: "Ya hay demasiados mensajes esperando" },
  "cause.outbox_expired": { en: "It waited too long for a connection", es: "Esperó demasiado a que hubiera conexión" },
  "cause.connection_lost": { en: "The connection was lost meanwhile", es: "La conexión se perdió mientras tanto" },
  "cause.token_unavailable": { en: "No new token could be had", es: "No se pudo obtener un token nuevo" },
  "cause.unknown": { en: "The connection was lost and nothing says why", es: "Se perdió la conexión y nada dice por qué" },
};

const STORED = "charla.language";
let language = "en";

/** The reader's own choice, else the browser's first language that the page speaks. */
export function chooseLanguage() {
  const wished = [localStorage.getItem(STORED), ...navigator.languages].map((tag) => tag?.slice(0, 2));
  setLanguage(wished.find((tag) => tag && tag in LANGUAGES) ?? "en", false);
}

export function setLanguage(tag, remember = true) {
  language = tag;
  document.documentElement.lang = tag;
  if (remember) localStorage.setItem(STORED, tag);
}

export function currentLanguage() {
  return language;
}

/** @param {string} key @param {Record<string, string | number>} [values] `n` also chooses the plural. */
export function t(key, values = {}) {
  const entry = WORDS[key]?.[language] ?? key;
  const text = typeof entry === "string" ? entry : (entry[new Intl.PluralRules(language).select(values.n)] ?? entry.other);
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** @param {string | null} cause */
export function causeTitle(cause) {
  const local = WORDS[`cause.${cause}`];
  return CAUSE_TITLES[cause]?.[language] ?? (local ? local[language] : t("cause.unknown"));
}

/** "Ana, Luis and Eva" */
export function names(list) {
  return new Intl.ListFormat(language, { type: "conjunction" }).format(list);
}

/** Whether the documentation has a page on it. */
export function isDocumented(cause) {
  return cause in CAUSE_TITLES;
}

export function clock(date) {
  return new Intl.DateTimeFormat(language, { timeStyle: "short" }).format(date);
}

export function fullTime(date) {
  return new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "short" }).format(date);
}

/** Whole days between the two, by the calendar and not by 24 hours. */
function daysBetween(date, now) {
  const midnight = (day) => new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime();
  return Math.round((midnight(now) - midnight(date)) / 86_400_000);
}

export function dayName(date, now = new Date()) {
  const days = daysBetween(date, now);
  if (days === 0) return t("today");
  if (days === 1) return t("yesterday");
  const year = date.getFullYear() === now.getFullYear() ? {} : { year: "numeric" };
  const style = days < 7 && days > 0 ? { weekday: "long" } : { weekday: "long", day: "numeric", month: "long", ...year };
  return capital(new Intl.DateTimeFormat(language, style).format(date));
}

/** For the list: the time today, else the day. */
export function shortWhen(date, now = new Date()) {
  const days = daysBetween(date, now);
  if (days === 0) return clock(date);
  if (days === 1) return t("yesterday");
  if (days < 7 && days > 0) return capital(new Intl.DateTimeFormat(language, { weekday: "short" }).format(date));
  return new Intl.DateTimeFormat(language, { day: "numeric", month: "short" }).format(date);
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
