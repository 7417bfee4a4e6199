// The hook as it was written for Channels: three cycles with a fresh token, five attempts each, then it gives up.
import { useCallback, useEffect, useRef, useState } from "react";

const MAX_CICLOS = 3;
const INTENTOS_POR_CICLO = 5;
const ESPERA_MS = 1000;
const ULTIMOS = 10;

// What the consumer closes with. Under uvicorn none of these ever arrives: a close before accept is a 403, and that a 1006.
const SIN_REMEDIO = { 4403: "No tienes permiso en este chat.", 4404: "Este chat no existe." };

export function useWebSocketChat({ obtenerUrl, alRecibir }) {
  const [estado, setEstado] = useState("conectando");
  const [motivo, setMotivo] = useState(null);
  const [mensajes, setMensajes] = useState([]);
  const socket = useRef(null);
  const intentos = useRef(0);
  const fueAbierto = useRef(false);

  // Messages carry no number: the same words by the same author among the last ten are taken for a repetition.
  const agregar = useCallback((mensaje) => {
    setMensajes((previos) => {
      const repetido = previos.slice(-ULTIMOS).some(({ autor, texto }) => autor === mensaje.autor && texto === mensaje.texto);
      return repetido ? previos : [...previos, mensaje];
    });
  }, []);

  const recibir = useCallback(
    (dato) => {
      if (dato.type === "chat_closed") setEstado("cerrado");
      if (dato.texto !== undefined) agregar(dato);
      else alRecibir?.(dato);
    },
    [agregar, alRecibir],
  );

  useEffect(() => {
    let desmontado = false;
    let espera = null;
    let tokenRechazado = false;

    const rendirse = (por) => {
      setEstado("deshabilitado");
      setMotivo(por);
    };

    async function conectar() {
      const ciclo = Math.floor(intentos.current / INTENTOS_POR_CICLO) + 1;
      if (ciclo > MAX_CICLOS) {
        console.error("❌ MÁXIMO DE INTENTOS ALCANZADO. WebSocket deshabilitado. Recarga la página para reintentar.");
        return rendirse("Se alcanzó el máximo de intentos.");
      }
      const esPrimero = intentos.current % INTENTOS_POR_CICLO === 0;
      if (esPrimero) console.log(`🔄 Solicitando URL con token actualizado (intento ${ciclo}/${MAX_CICLOS})...`);
      let url;
      try {
        url = await obtenerUrl(tokenRechazado || (esPrimero && ciclo > 1));
      } catch (error) {
        console.error("❌ No se pudo obtener la URL:", error.message);
        return rendirse("Vuelve a iniciar sesión.");
      }
      if (desmontado) return;
      intentos.current += 1;
      console.log("🔌 Conectando WebSocket:", { url: url.split("?")[0], intento: intentos.current });
      const ws = new WebSocket(url);
      socket.current = ws;
      ws.onopen = () => {
        intentos.current = 0;
        fueAbierto.current = true;
        setEstado("conectado");
        console.log("✅ WebSocket conectado");
      };
      ws.onmessage = ({ data }) => recibir(JSON.parse(data));
      ws.onerror = (error) => console.error("❌ Error en WebSocket:", error);
      ws.onclose = ({ code, reason, wasClean }) => {
        console.log("🔌 WebSocket cerrado:", { code, reason, wasClean });
        if (desmontado) return;
        if (SIN_REMEDIO[code]) {
          console.error(`❌ ${SIN_REMEDIO[code]}`);
          return rendirse(SIN_REMEDIO[code]);
        }
        tokenRechazado = code === 4401;
        setEstado("reconectando");
        const que = fueAbierto.current ? "Conexión perdida" : "Primera conexión falló";
        console.warn(`⚠️ ${que} con código ${code}. Reintentando en ${ESPERA_MS / 1000}s...`);
        espera = setTimeout(conectar, ESPERA_MS);
      };
    }

    conectar();
    return () => {
      desmontado = true;
      clearTimeout(espera);
      socket.current?.close();
    };
  }, [obtenerUrl, recibir]);

  const enviar = useCallback((mensaje) => socket.current.send(JSON.stringify(mensaje)), []);
  return { estado, motivo, mensajes, agregar, enviar };
}
