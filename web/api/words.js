/** @file The page's own words. What the operations do is said by the document, in English. */
import { currentLanguage } from "/assets/web/page/words.js";

const WORDS = {
  title: { en: "REST interface", es: "Interfaz REST" },
  document: { en: "OpenAPI document", es: "Documento OpenAPI" },
  causes: { en: "All causes", es: "Todas las causas" },
  chat: { en: "To the chat", es: "Ir al chat" },
  search: { en: "Filter", es: "Filtrar" },
  nothing: { en: "Nothing matches.", es: "Nada coincide." },
  failed: { en: "The document could not be loaded.", es: "No se pudo cargar el documento." },
  parameters: { en: "Parameters", es: "Parámetros" },
  body: { en: "Body", es: "Cuerpo" },
  answers: { en: "Answers", es: "Respuestas" },
  example: { en: "In a terminal", es: "En una terminal" },
  name: { en: "Name", es: "Nombre" },
  kind: { en: "Type", es: "Tipo" },
  meaning: { en: "Meaning", es: "Significado" },
  required: { en: "required", es: "obligatorio" },
  otherwise: { en: "else", es: "si no" },
  asKey: { en: "API key", es: "clave de API" },
  asToken: { en: "user's token", es: "token de usuario" },
  asNobody: { en: "open to all", es: "abierto a todos" },
};

/** @param {keyof typeof WORDS} key */
export function t(key) {
  return WORDS[key][currentLanguage()];
}
