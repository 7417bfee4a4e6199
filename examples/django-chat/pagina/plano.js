// The older page: a WebSocket and nothing else. It comes back after three seconds, whatever happened, for ever.
import { entrar, historial, obtenerUrl } from "./sesion.js";

const ESPERA_MS = 3000;
const estado = document.getElementById("estado");
let ws;

function mostrar(texto, clase) {
  const linea = document.createElement("p");
  linea.className = clase;
  linea.textContent = texto;
  document.getElementById("mensajes").append(linea);
}

async function conectar() {
  ws = new WebSocket(await obtenerUrl(false));
  ws.onopen = () => (estado.textContent = "conectado");
  ws.onmessage = (evento) => {
    const dato = JSON.parse(evento.data);
    if (dato.error) mostrar(dato.error, "aviso");
    else if (dato.type) mostrar(dato.mensaje, "aviso");
    else mostrar(`${dato.autor}: ${dato.texto}`, "mensaje");
  };
  ws.onclose = (evento) => {
    estado.textContent = `cerrado (${evento.code})`;
    setTimeout(conectar, ESPERA_MS);
  };
}

document.getElementById("entrada").onsubmit = async (evento) => {
  evento.preventDefault();
  const { nombre, clave } = evento.target.elements;
  await entrar(nombre.value, clave.value);
  for (const { autor, texto } of await historial()) mostrar(`${autor}: ${texto}`, "mensaje");
  conectar();
};

document.getElementById("decir").onsubmit = (evento) => {
  evento.preventDefault();
  const { texto } = evento.target.elements;
  ws.send(JSON.stringify({ texto: texto.value, oportunidad_id: 7 }));
  texto.value = "";
};
