// The page of customers and support, in React without JSX, so that nothing has to be built.
import { createElement as e, useCallback, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

import { cerrarChat, chatId, entrar, historial, notificar, obtenerUrl, tenant } from "./sesion.js";
import { useWebSocketChat } from "./useWebSocketChat.js";

const OPORTUNIDAD = 7;

function Chat({ quien }) {
  const [avisos, setAvisos] = useState([]);
  const [texto, setTexto] = useState("");
  const alRecibir = useCallback((dato) => setAvisos((previos) => [...previos, dato.mensaje ?? dato.error]), []);
  const { estado, motivo, mensajes, agregar, enviar } = useWebSocketChat({ obtenerUrl, alRecibir });

  useEffect(() => {
    historial().then((todos) => todos.forEach(agregar), () => {});
  }, [agregar]);

  const decir = (evento) => {
    evento.preventDefault();
    enviar({ texto, oportunidad_id: OPORTUNIDAD });
    setTexto("");
  };

  return e("main", { "data-estado": estado },
    e("h1", null, `Chat ${chatId} de ${tenant}`),
    e("p", { className: "estado" }, `${quien} · ${motivo ?? estado}`),
    avisos.map((aviso, n) => e("p", { key: n, className: "aviso" }, aviso)),
    mensajes.map(({ autor, texto: dicho }, n) => e("p", { key: n, className: "mensaje" }, `${autor}: ${dicho}`)),
    e("form", { onSubmit: decir },
      e("input", { value: texto, "aria-label": "Mensaje", onChange: ({ target }) => setTexto(target.value) }),
      e("button", { disabled: estado !== "conectado" }, "Enviar")),
    e("button", { id: "cerrar", onClick: cerrarChat }, "Cerrar el chat"),
    e("button", { id: "avisar", onClick: () => notificar(prompt("¿A quién?"), "Tienes una respuesta") }, "Avisar"));
}

function Entrada({ alEntrar }) {
  const [nombre, setNombre] = useState("");
  const [clave, setClave] = useState("");
  const [error, setError] = useState(null);
  const intentar = (evento) => {
    evento.preventDefault();
    entrar(nombre, clave).then(() => alEntrar(nombre), () => setError("Nombre o clave equivocados."));
  };
  return e("main", null,
    e("h1", null, `Soporte de ${tenant}`),
    error && e("p", { className: "aviso" }, error),
    e("form", { onSubmit: intentar },
      e("input", { value: nombre, "aria-label": "Nombre", onChange: ({ target }) => setNombre(target.value) }),
      e("input", { value: clave, type: "password", "aria-label": "Clave", onChange: ({ target }) => setClave(target.value) }),
      e("button", null, "Entrar")));
}

function App() {
  const [quien, setQuien] = useState(sessionStorage.getItem("quien"));
  const alEntrar = (nombre) => {
    sessionStorage.setItem("quien", nombre);
    setQuien(nombre);
  };
  return quien ? e(Chat, { quien }) : e(Entrada, { alEntrar });
}

createRoot(document.getElementById("root")).render(e(App));
