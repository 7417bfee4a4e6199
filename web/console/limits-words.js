/** @file What each limit means, and every other word of the page of tenants that does not come from the server. */
import { currentLanguage } from "/assets/web/page/words.js";

/** By the names in `[limits]`. */
const LIMITS = {
  connections: { en: "Connections of a node at once", es: "Conexiones de un nodo a la vez" },
  connections_per_user: { en: "Connections of a user at once, on all nodes", es: "Conexiones de un usuario a la vez, en todos los nodos" },
  when_user_full: { en: "What one more meets: refuse, or replace_oldest", es: "Qué encuentra una más: refuse, o replace_oldest" },
  connections_per_address: { en: "Connections of an address at once", es: "Conexiones de una dirección a la vez" },
  connections_per_tenant: { en: "Connections at once on each node; 0: no limit", es: "Conexiones a la vez en cada nodo; 0: sin límite" },
  connects_per_second_per_address: { en: "Handshakes of an address a second; 0: no limit", es: "Handshakes de una dirección por segundo; 0: sin límite" },
  connects_per_second_per_user: { en: "Handshakes of a user a second; 0: no limit", es: "Handshakes de un usuario por segundo; 0: sin límite" },
  connects_per_second_per_tenant: { en: "Handshakes a second on each node; 0: no limit", es: "Handshakes por segundo en cada nodo; 0: sin límite" },
  message_bytes: { en: "Size of a message on the wire", es: "Tamaño de un mensaje en la red" },
  text_bytes: { en: "Size of a message's text", es: "Tamaño del texto de un mensaje" },
  data_bytes: { en: "Size of a message's data", es: "Tamaño de los datos de un mensaje" },
  fragments: { en: "Fragments of a message", es: "Fragmentos de un mensaje" },
  sends_per_second: { en: "Sends a second", es: "Envíos por segundo" },
  send_burst: { en: "Sends at once after a rest", es: "Envíos de golpe tras un descanso" },
  sends_per_second_per_user: { en: "Sends of a user a second on each node; 0: no limit", es: "Envíos de un usuario por segundo en cada nodo; 0: sin límite" },
  sends_per_second_per_tenant: { en: "Sends a second on each node; 0: no limit", es: "Envíos por segundo en cada nodo; 0: sin límite" },
  bytes_per_second: { en: "Text and data a second; 0: no limit of its own", es: "Texto y datos por segundo; 0: sin límite propio" },
  bytes_per_second_per_tenant: { en: "Text and data a second on each node; 0: no limit", es: "Texto y datos por segundo en cada nodo; 0: sin límite" },
  bytes_per_day_per_tenant: { en: "Text and data a day on each node; 0: no limit", es: "Texto y datos al día en cada nodo; 0: sin límite" },
  requests_per_second: { en: "Other requests a second: history, edit, read", es: "Otras peticiones por segundo: historial, editar, leer" },
  request_burst: { en: "Other requests at once after a rest", es: "Otras peticiones de golpe tras un descanso" },
  pings_per_second: { en: "Ping frames a second", es: "Tramas ping por segundo" },
  subscriptions: { en: "Chats that a connection listens to", es: "Chats que escucha una conexión" },
  chats_per_tenant: { en: "Chats that the API makes; 0: no limit", es: "Chats que crea la API; 0: sin límite" },
  history_page: { en: "Messages of a page of history", es: "Mensajes de una página de historial" },
  resume_messages: { en: "Missed messages beyond which a resume starts over", es: "Mensajes perdidos a partir de los cuales se empieza de nuevo" },
  outbox_bytes: { en: "Bytes that may wait for a socket", es: "Bytes que pueden esperar a un socket" },
  outbox_age: { en: "How long they may wait", es: "Cuánto pueden esperar" },
  logins_per_minute: { en: "Failed sign-ins of an address a minute", es: "Inicios de sesión fallidos de una dirección por minuto" },
  refusals_per_minute: { en: "Refusals of a client a minute before it waits; 0: never", es: "Rechazos de un cliente por minuto antes de que espere; 0: nunca" },
  refusals_per_minute_per_address: { en: "The same of an address; 0: never", es: "Lo mismo de una dirección; 0: nunca" },
  loop_wait_max: { en: "The longest of those waits", es: "La más larga de esas esperas" },
  returns_per_second: { en: "Clients a second that come back after a restart; 0: as many as were measured", es: "Clientes por segundo que vuelven tras un reinicio; 0: los que se midieron" },
};

const WORDS = {
  title: { en: "Tenants and limits", es: "Tenants y límites" },
  lead: {
    en: "What each tenant uses of what it may, what its limits refused in the last hour, and the limits themselves. What its people share counts on each node: shown is the node where the most is used.",
    es: "Qué usa cada tenant de lo que puede, qué rechazaron sus límites en la última hora y los propios límites. Lo que comparte su gente cuenta en cada nodo: se muestra el nodo donde más se usa.",
  },
  more: {
    en: "There are more tenants than are told of: figures of those with little traffic may be too low.",
    es: "Hay más tenants de los que se informa: las cifras de los que tienen poco tráfico pueden quedarse cortas.",
  },
  none: { en: "Nobody is connected, and no tenant has limits of its own.", es: "No hay nadie conectado y ningún tenant tiene límites propios." },
  find: { en: "Tenant's id", es: "Id del tenant" },
  show: { en: "Show its limits", es: "Ver sus límites" },
  all: { en: "Limits for all", es: "Límites para todos" },
  of: { en: "Limits of {tenant}", es: "Límites de {tenant}" },
  "column.used": { en: "Used of what is allowed", es: "Usado de lo permitido" },
  "column.refused": { en: "Refused, 1 hour", es: "Rechazos, 1 hora" },
  "column.own": { en: "Own limits", es: "Límites propios" },
  nothing: { en: "no limit set", es: "sin límite puesto" },
  "group.tenant": { en: "Shared by the tenant's people", es: "Compartidos por la gente del tenant" },
  "group.user": { en: "Of a user", es: "De un usuario" },
  "group.connection": { en: "Of a connection", es: "De una conexión" },
  "group.node": { en: "Of an address and a node", es: "De una dirección y un nodo" },
  own: { en: "its own", es: "propio" },
  everybody: { en: "for all", es: "para todos" },
  "source.default": { en: "default", es: "por defecto" },
  "source.file": { en: "`{place}`", es: "`{place}`" },
  "source.variable": { en: "`{place}`", es: "`{place}`" },
  "source.flag": { en: "`{place}`", es: "`{place}`" },
  "source.api": { en: "set here or over the API", es: "puesto aquí o por la API" },
  used: { en: "{used} of {of} used", es: "{used} de {of} en uso" },
  "used.unlimited": { en: "{used} used", es: "{used} en uso" },
  refused: { en: "{n} refused in the last hour", es: "{n} rechazos en la última hora" },
  change: { en: "Change", es: "Cambiar" },
  "change.label": { en: "Change {name}", es: "Cambiar {name}" },
  takeBack: { en: "Take back", es: "Quitar" },
  "takeBack.label": { en: "Take {name} back", es: "Quitar {name}" },
  set: { en: "Set", es: "Poner" },
  holds: { en: "{name} is {value} now, on all nodes.", es: "{name} es {value} ahora, en todos los nodos." },
  "sure.title": { en: "Change {name} of {whose}?", es: "¿Cambiar {name} de {whose}?" },
  "sure.text": {
    en: "From `{was}` to `{to}`, at once on all nodes, and kept over a restart. Connections that are open heed it at their next act.",
    es: "De `{was}` a `{to}`, enseguida en todos los nodos, y se conserva tras un reinicio. Las conexiones abiertas lo respetan en su próxima acción.",
  },
  "back.title": { en: "Take {name} of {whose} back?", es: "¿Quitar {name} de {whose}?" },
  "back.text": {
    en: "`{was}` does not count any more, at once on all nodes; what the settings say counts again.",
    es: "`{was}` deja de contar, enseguida en todos los nodos; vuelve a contar lo que dice la configuración.",
  },
  everyone: { en: "all tenants", es: "todos los tenants" },
  look: { en: "You may look, and not change: your name is none of `console.changers`.", es: "Puedes mirar, pero no cambiar: tu nombre no está en `console.changers`." },
  away: { en: "The server did not answer. Nothing is known to have changed; look again.", es: "El servidor no respondió. No se sabe si algo cambió; vuelve a mirar." },
};

/** @param {string} key @param {Record<string, string | number>} [values] */
export function say(key, values = {}) {
  const text = WORDS[key]?.[currentLanguage()] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** What a limit means; the server's own words for one that is not known here. @param {string} name @param {string} otherwise */
export function meaning(name, otherwise) {
  return LIMITS[name]?.[currentLanguage()] ?? otherwise;
}

/** Whose a limit is. @param {string} name @returns {"tenant" | "user" | "connection" | "node"} */
export function groupOf(name) {
  if (name.endsWith("_per_tenant")) return "tenant";
  if (name.endsWith("_per_user") || name === "when_user_full") return "user";
  const ofNode = ["connections", "logins_per_minute", "refusals_per_minute", "loop_wait_max", "returns_per_second"];
  return name.endsWith("_per_address") || ofNode.includes(name) ? "node" : "connection";
}
