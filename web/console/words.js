/** @file Every word of the operator's pages that does not come from the server. */
import { currentLanguage } from "/assets/web/page/words.js";

const WORDS = {
  title: { en: "Doctor", es: "Doctor" },
  lead: {
    en: "Finds out why a connection to this server fails: the process, Redis, logs, the handshake hop by hop, nginx, token, chat and machine. Nothing is changed.",
    es: "Averigua por qué falla una conexión a este servidor: el proceso, Redis, los registros, el handshake salto a salto, nginx, token, chat y máquina. No se cambia nada.",
  },
  interface: { en: "REST interface", es: "Interfaz REST" },
  causes: { en: "All causes", es: "Todas las causas" },
  chat: { en: "Chat", es: "Chat" },
  key: { en: "Operator's key", es: "Clave del operador" },
  keyHint: { en: "Made with `charla key add doctor --every-tenant`; the demo prints one. It is kept nowhere.", es: "La crea `charla key add doctor --every-tenant`; la demo imprime una. No se guarda en ninguna parte." },
  chatHint: { en: "The chat that cannot be entered; optional.", es: "El chat al que no se puede entrar; opcional." },
  tenant: { en: "Tenant", es: "Tenant" },
  tenantHint: { en: "As in the address: `?tenant=`.", es: "Como en la dirección: `?tenant=`." },
  user: { en: "Connect as", es: "Conectar como" },
  userHint: { en: "A user's id: it gets a token of one minute for this run; optional.", es: "El id de un usuario: recibe un token de un minuto para esta prueba; opcional." },
  token: { en: "Or with this token", es: "O con este token" },
  tokenHint: { en: "The one that does not work; optional.", es: "El que no funciona; opcional." },
  look: { en: "Find the cause", es: "Buscar la causa" },
  looking: { en: "Looking… a few seconds.", es: "Mirando… unos segundos." },
  seconds: { en: "{n} s", es: "{n} s" },
  took: { en: "took {n} s", es: "tardó {n} s" },
  good: { en: "Healthy", es: "Todo bien" },
  warning: { en: "It works, with a warning", es: "Funciona, con una advertencia" },
  unknown: { en: "No known cause", es: "Ninguna causa conocida" },
  evidence: { en: "Evidence", es: "Pruebas" },
  fix: { en: "Fix", es: "Solución" },
  check: { en: "Then check:", es: "Luego comprueba:" },
  also: { en: "Also found", es: "También se encontró" },
  warnings: { en: "Warnings", es: "Advertencias" },
  looked: { en: "What was looked at", es: "Lo que se miró" },
  skipped: { en: "What could not be looked at", es: "Lo que no se pudo mirar" },
  crashed: { en: "Checks that fell over", es: "Comprobaciones que fallaron" },
  ruledOut: { en: "Not the cause", es: "No es la causa" },
  found: { en: "What was found, and from where", es: "Lo que se encontró, y de dónde" },
  copy: { en: "Copy", es: "Copiar" },
  copied: { en: "Copied", es: "Copiado" },
  copyByHand: { en: "Press Ctrl-C", es: "Pulsa Ctrl-C" },
  copyReport: { en: "Copy the report as JSON", es: "Copiar el informe como JSON" },
  "certainty.certain": { en: "certain", es: "seguro" },
  "certainty.likely": { en: "likely", es: "probable" },
  "certainty.possible": { en: "possible", es: "posible" },
  "mark.good": { en: "good", es: "bien" },
  "mark.warning": { en: "warning", es: "advertencia" },
  "mark.fault": { en: "wrong", es: "mal" },
  "mark.skipped": { en: "not looked at", es: "no se miró" },
  "page.overview": { en: "Console", es: "Consola" },
  "page.doctor": { en: "Doctor", es: "Doctor" },
  "page.nodes": { en: "Nodes", es: "Nodos" },
  "page.loops": { en: "Loops", es: "Bucles" },
  "list.look": { en: "Show", es: "Mostrar" },
  "list.again": { en: "Look again", es: "Volver a mirar" },
  "list.trouble.forbidden": {
    en: "That is the key of one tenant. This list takes the operator's: `charla key add operator --every-tenant`.",
    es: "Esa es la clave de un solo tenant. Esta lista pide la del operador: `charla key add operador --every-tenant`.",
  },
  "nodes.title": { en: "Nodes", es: "Nodos" },
  "nodes.lead": {
    en: "The servers that share this store, as the one that answers knows them. `/readyz` of each says the same of itself.",
    es: "Los servidores que comparten este almacén, tal como los conoce el que responde. El `/readyz` de cada uno dice lo mismo de sí.",
  },
  "nodes.at": { en: "{n} in all at {time}", es: "{n} en total a las {time}" },
  "nodes.node": { en: "Node", es: "Nodo" },
  "nodes.connections": { en: "Connections", es: "Conexiones" },
  "nodes.rate": { en: "Handshakes a second", es: "Handshakes por segundo" },
  "nodes.store": { en: "Store", es: "Almacén" },
  "nodes.heard": { en: "Last heard", es: "Oído por última vez" },
  "nodes.this": { en: "answers this page", es: "responde a esta página" },
  "nodes.leaving": { en: "on its way out", es: "se está yendo" },
  "nodes.store.up": { en: "answers", es: "responde" },
  "nodes.store.down": { en: "does not answer", es: "no responde" },
  "nodes.unheard": { en: "cannot be heard now", es: "ahora no se le puede oír" },
  "nodes.degraded": { en: "Degraded", es: "Degradado" },
  "nodes.bus.none": { en: "This node is alone: no bus is set (broker.url).", es: "Este nodo está solo: no hay bus configurado (broker.url)." },
  "nodes.bus.alive": { en: "The bus at `{address}` has been alive since {since}.", es: "El bus en `{address}` vive desde las {since}." },
  "nodes.bus.away.postgresql": {
    en: "The bus at `{address}` has been away since {since}. PostgreSQL carries what happens meanwhile: nobody is cut, nothing is lost, delivery is slower.",
    es: "El bus en `{address}` no está desde las {since}. PostgreSQL lleva mientras tanto lo que pasa: no se corta a nadie, no se pierde nada, la entrega es más lenta.",
  },
  "nodes.bus.away.polling": {
    en: "The bus at `{address}` has been away since {since}. Nodes look into the store again and again meanwhile: nobody is cut, nothing is lost, delivery is slower.",
    es: "El bus en `{address}` no está desde las {since}. Mientras tanto los nodos miran una y otra vez en el almacén: no se corta a nadie, no se pierde nada, la entrega es más lenta.",
  },
  "nodes.bridge.alive": {
    en: "The Redis of Django Channels (`{hosts}`) has been there since {since}.",
    es: "El Redis de Django Channels (`{hosts}`) está desde las {since}.",
  },
  "nodes.bridge.away": {
    en: "The Redis of Django Channels (`{hosts}`) has been away since {since}. Clients stay connected and hear each other; what is said through Channels is not heard here, nor the other way round.",
    es: "El Redis de Django Channels (`{hosts}`) no está desde las {since}. Los clientes siguen conectados y se oyen; lo que se dice por Channels no se oye aquí, ni al revés.",
  },
  "loops.title": { en: "Clients in a loop", es: "Clientes en bucle" },
  "loops.lead": {
    en: "Who is refused the same thing over and over. Those that wait are answered `loop_detected` without being judged again; a new token is judged at once.",
    es: "Quién recibe el mismo rechazo una y otra vez. A los que esperan se les contesta `loop_detected` sin volver a juzgarlos; un token nuevo se juzga enseguida.",
  },
  "loops.none": { en: "At {time} nobody repeats a refused question.", es: "A las {time} nadie repite una pregunta rechazada." },
  "loops.at": { en: "{n} at {time}, all nodes together", es: "{n} a las {time}, sumando todos los nodos" },
  "loops.who": { en: "Who", es: "Quién" },
  "loops.what": { en: "Refused for", es: "Rechazado por" },
  "loops.count": { en: "In the last minute", es: "En el último minuto" },
  "loops.since": { en: "Since", es: "Desde" },
  "loops.until": { en: "Waits until", es: "Espera hasta" },
  "loops.nth": { en: "wait number {n}", es: "espera número {n}" },
  "loops.saved": { en: "{n} not judged here", es: "{n} sin juzgar aquí" },
  "loops.chat": { en: "chat {chat}", es: "chat {chat}" },
  "loops.kind.credential": { en: "token", es: "token" },
  "loops.kind.question": { en: "token at one chat", es: "token en un chat" },
  "loops.kind.conduct": { en: "conduct", es: "conducta" },
  "loops.kind.address": { en: "address", es: "dirección" },
  "loops.kind.user": { en: "user, only counted", es: "usuario, solo contado" },
  "trouble.unauthorized_key": {
    en: "This server does not know that key. Make one with `charla key add doctor --every-tenant`.",
    es: "Este servidor no conoce esa clave. Crea una con `charla key add doctor --every-tenant`.",
  },
  "trouble.forbidden": {
    en: "That is the key of one tenant. The doctor takes the operator's: `charla key add doctor --every-tenant`.",
    es: "Esa es la clave de un solo tenant. El doctor pide la del operador: `charla key add doctor --every-tenant`.",
  },
  "trouble.rate_limited": {
    en: "Another run is going on. Try again in {n} s.",
    es: "Ya hay otra prueba en marcha. Vuelve a intentarlo en {n} s.",
  },
  "trouble.server_unreachable": {
    en: "The server does not answer. In a terminal on its machine: `charla doctor ws://127.0.0.1:9001/ws/`",
    es: "El servidor no responde. En una terminal de su máquina: `charla doctor ws://127.0.0.1:9001/ws/`",
  },
};

/** @param {string} key */
export function isWord(key) {
  return key in WORDS;
}

/** @param {string} key @param {Record<string, string | number>} [values] */
export function t(key, values = {}) {
  const text = WORDS[key]?.[currentLanguage()] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}
