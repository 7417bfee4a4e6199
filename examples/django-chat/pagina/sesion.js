// Signing in, and everything that is asked over HTTP. The company is the host name's first part.

export const tenant = location.hostname.split(".")[0];

const parametros = new URLSearchParams(location.search);
export const chatId = parametros.get("chat") ?? "5";

async function pedir(ruta, cuerpo) {
  const acceso = sessionStorage.getItem("access");
  const respuesta = await fetch(ruta, {
    method: cuerpo ? "POST" : "GET",
    headers: { "Content-Type": "application/json", ...(acceso && { Authorization: `Bearer ${acceso}` }) },
    body: cuerpo && JSON.stringify(cuerpo),
  });
  if (!respuesta.ok) throw new Error(`${ruta}: ${respuesta.status}`);
  return respuesta.json();
}

export async function entrar(username, password) {
  sessionStorage.removeItem("access");
  const { access, refresh } = await pedir("/api/token/", { username, password });
  sessionStorage.setItem("access", access);
  sessionStorage.setItem("refresh", refresh);
}

async function refrescar() {
  const refresh = sessionStorage.getItem("refresh");
  sessionStorage.removeItem("access");
  const { access } = await pedir("/api/token/refresh/", { refresh });
  sessionStorage.setItem("access", access);
}

/** The socket's address; `nuevo`: with a token that was just refreshed. */
export async function obtenerUrl(nuevo) {
  if (nuevo) await refrescar();
  const token = encodeURIComponent(sessionStorage.getItem("access"));
  const esquema = location.protocol === "https:" ? "wss" : "ws";
  return `${esquema}://${location.host}/ws/chat/${chatId}/?token=${token}&tenant=${tenant}`;
}

export const historial = () => pedir(`/api/chats/${chatId}/mensajes/`);
export const cerrarChat = () => pedir(`/api/chats/${chatId}/cerrar/`, {});
export const notificar = (usuario, mensaje) => pedir("/api/notificaciones/", { usuario, mensaje, tipo: "aviso", url: `/?chat=${chatId}` });
