/**
 * @file Every line that the console logger writes, in English and Spanish.
 *
 * The Spanish lines of an unreachable server are those that the people who ask for help already know from
 * their guide, to the letter. `{name}` is filled in; an object is written as a browser's console shows it.
 */

/** @typedef {"en" | "es"} Language */
/** @typedef {Readonly<Record<Language, string>>} Line */

export const LINES = Object.freeze({
  token: {
    en: "🔄 Asking for a URL with a fresh token (attempt {cycle}/{cycles})...",
    es: "🔄 Solicitando URL con token actualizado (intento {cycle}/{cycles})...",
  },
  renewing: { en: "🔄 Renewing the token on the open connection...", es: "🔄 Renovando el token en la conexión abierta..." },
  tokenFailed: { en: "❌ No token: {cause}", es: "❌ No hay token: {cause}" },
  opening: { en: "🔌 Connecting WebSocket: {object}", es: "🔌 Conectando WebSocket: {object}" },
  error: { en: "❌ WebSocket error: {object}", es: "❌ Error en WebSocket: {object}" },
  closed: { en: "🔌 WebSocket closed: {object}", es: "🔌 WebSocket cerrado: {object}" },
  connected: { en: "✅ WebSocket connected", es: "✅ WebSocket conectado" },
  first: {
    en: "⚠️ First connection failed with code {code}. Retrying in {seconds}s...",
    es: "⚠️ Primera conexión falló con código {code}. Reintentando en {seconds}s...",
  },
  again: {
    en: "⚠️ Connection failed with code {code}. Retrying in {seconds}s...",
    es: "⚠️ Conexión falló con código {code}. Reintentando en {seconds}s...",
  },
  lost: {
    en: "⚠️ Connection lost with code {code}. Retrying in {seconds}s...",
    es: "⚠️ Conexión perdida con código {code}. Reintentando en {seconds}s...",
  },
  offline: {
    en: "⏸️ No network. Waiting for it; no attempt is spent.",
    es: "⏸️ Sin red. Se espera a que vuelva; no se gasta ningún intento.",
  },
  hidden: {
    en: "⏸️ The page is hidden. The next attempt waits until somebody looks at it.",
    es: "⏸️ La página está oculta. El próximo intento espera a que alguien la mire.",
  },
  back: { en: "▶️ Back again. Retrying in {seconds}s...", es: "▶️ De vuelta. Reintentando en {seconds}s..." },
  exhausted: {
    en: "❌ MAXIMUM ATTEMPTS REACHED. WebSocket disabled. Reload the page to try again.",
    es: "❌ MÁXIMO DE INTENTOS ALCANZADO. WebSocket deshabilitado. Recarga la página para reintentar.",
  },
  stopped: {
    en: "❌ WebSocket disabled with code {code}. Trying again would not help.",
    es: "❌ WebSocket deshabilitado con código {code}. Reintentar no serviría.",
  },
  dropped: { en: "❌ Not sent: {object}", es: "❌ No enviado: {object}" },
  cause: { en: "   ↳ {title} ({cause}). {next}", es: "   ↳ {title} ({cause}). {next}" },
});

/** What follows from a cause: what the client does by itself, and what a person can do. */
export const NEXT = Object.freeze({
  refresh: {
    en: "A new token is asked for; if it is refused as well, sign in again.",
    es: "Se pide un token nuevo; si también se rechaza, vuelve a iniciar sesión.",
  },
  backoff: { en: "Retried by itself.", es: "Se reintenta solo." },
  wait: { en: "It passes: retried by itself.", es: "Se pasa: se reintenta solo." },
  resume: { en: "Resumed by itself, nothing is lost.", es: "Se retoma solo, no se pierde nada." },
  stop: { en: "Not retried: it has to be repaired.", es: "No se reintenta: hay que repararlo." },
  over: {
    en: "Nothing more is tried until the page is reloaded, the network comes back or somebody asks for it.",
    es: "No se intenta más hasta recargar la página, hasta que vuelva la red o hasta que alguien lo pida.",
  },
  unsent: { en: "The message was handed back to the page.", es: "El mensaje se devolvió a la página." },
  repair: { en: "How to repair it: charla causes {cause}", es: "Cómo repararlo: charla causes {cause} --lang es" },
});

/** Causes that only a client has, and that the table of causes does not list. */
export const OWN_TITLES = Object.freeze({
  connection_lost: { en: "The connection was lost before the answer came", es: "La conexión se perdió antes de la respuesta" },
  outbox_full: { en: "Too much is waiting to be sent", es: "Hay demasiado esperando a enviarse" },
  outbox_expired: { en: "It waited too long to be sent", es: "Esperó demasiado a enviarse" },
  closed: { en: "The connection was closed by the page", es: "La página cerró la conexión" },
});

/**
 * Details are English wherever they come from (a close frame has room for one language). Those that the client
 * itself finds, and the server's most frequent, are said in Spanish too; any other is shown as it came.
 * @type {readonly {en: RegExp, es: string}[]}
 */
export const DETAILS = Object.freeze([
  {
    en: /^nothing answers: it is down, .*$/,
    es: "nadie responde: está caído, o su nombre o su certificado no valen, y una página no puede distinguirlo",
  },
  { en: /^nothing answers$/, es: "nadie responde" },
  { en: /^no answer within (\d+) s$/, es: "sin respuesta en $1 s" },
  {
    en: /^something answers there, .*$/,
    es: "algo responde ahí, pero nada que esta página pueda leer: un error del proxy, o este origen no está permitido",
  },
  { en: /^the proxy answers (\d+)$/, es: "el proxy responde $1" },
  { en: /^status (\d+)$/, es: "estado $1" },
  { en: /^a page answers where the socket should be$/, es: "responde una página donde debería estar el socket" },
  { en: /^the handshake never reached the server$/, es: "el handshake nunca llegó al servidor" },
  { en: /^it was open, then cut without a word$/, es: "estaba abierta y se cortó sin decir nada" },
  { en: /^cut after (\d+) s of silence$/, es: "cortada tras $1 s de silencio" },
  { en: /^retry in (\d+) ms$/, es: "reintentar en $1 ms" },
  { en: /^expired (\d+) s ago$/, es: "caducó hace $1 s" },
]);

/** The names inside the objects; the rest (`code`, `reason`, `url`) are the browser's own. */
export const NAMES = Object.freeze({
  attempt: { en: "attempt", es: "intento" },
  id: { en: "id", es: "id" },
  what: { en: "what", es: "qué" },
  cause: { en: "cause", es: "causa" },
});
