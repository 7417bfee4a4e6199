/**
 * @file Files of messages: they go to where the server says, over HTTP, and a send names them.
 *
 * The bytes never pass through the socket, and the token never goes where they go.
 */
import { CharlaError } from "./error.js";

/**
 * @typedef {import("./frames.js").Attachment} Attachment
 *
 * @typedef {object} Asks What is needed of a client.
 * @property {(frame: {type: string} & Record<string, any>) => Promise<any>} ask
 * @property {URL} url The socket's.
 */

/**
 * Puts a file where the server says. Then its id can be sent, once: `client.send(chat, text, { attachments: [id] })`.
 * @param {Asks} client Connected, and subscribed to the chat.
 * @param {string} chat
 * @param {Blob & {name?: string}} file
 * @param {{name?: string, type?: string, signal?: AbortSignal, fetch?: typeof globalThis.fetch}} [more]
 * @returns {Promise<Attachment>} Rejects with the refusal of the server, or of whoever keeps the file.
 */
export async function attach(client, chat, file, { name = file.name ?? "", type = file.type || "application/octet-stream", signal, fetch = globalThis.fetch } = {}) {
  const upload = await client.ask({ type: "attach", chat, name, media_type: type, bytes: file.size });
  const { method, headers } = upload;
  const answer = await reach(() => fetch(absolute(client, upload.url), { method, headers, body: file, signal, credentials: "omit", referrerPolicy: "no-referrer" }), signal);
  if (!answer.ok) throw await refusal(answer);
  return { id: upload.id, name: upload.name, type, bytes: file.size };
}

/**
 * @param {Asks} client Connected, and subscribed to the chat.
 * @param {string} chat
 * @param {string} id Of an attachment in one of its messages.
 * @returns {Promise<{url: string, until: Date}>} Where it can be fetched, by whoever has the address, and until when.
 */
export async function locate(client, chat, id) {
  const { url, until } = await client.ask({ type: "download", chat, id });
  return { url: absolute(client, url).href, until: new Date(until) };
}

/** A path is one of the chat's own server. @param {Asks} client @param {string} url */
function absolute(client, url) {
  const socket = new URL(client.url);
  socket.protocol = socket.protocol.replace("ws", "http");
  return new URL(url, socket);
}

/** @param {() => Promise<Response>} request @param {AbortSignal} [signal] */
async function reach(request, signal) {
  try {
    return await request();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new CharlaError("attachment_storage_unavailable", "backoff", { detail: String(error) });
  }
}

/** @param {Response} answer */
async function refusal(answer) {
  try {
    const { cause, retry, detail, retry_in_ms: retryInMs } = await answer.json();
    if (typeof cause === "string") return new CharlaError(cause, retry, { detail, retryInMs });
  } catch {}
  // A bucket's own words are XML, and for its operator.
  const isAway = answer.status >= 500;
  return new CharlaError(isAway ? "attachment_storage_unavailable" : "attachment_not_found", isAway ? "backoff" : "stop", { detail: `status ${answer.status}` });
}
