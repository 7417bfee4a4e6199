/** @file The socket's address, and ids to put into it. */

/**
 * @param {string | URL} url Absolute, or relative to the page.
 * @returns {URL} With `ws:` or `wss:`.
 */
export function socketUrl(url) {
  const absolute = new URL(url, globalThis.location?.href);
  if (absolute.protocol === "http:") absolute.protocol = "ws:";
  if (absolute.protocol === "https:") absolute.protocol = "wss:";
  return absolute;
}

/** @param {URL} url @returns {string | null} The chat that this address enters by itself. */
export function entryChatOf(url) {
  const found = /\/ws\/chat\/([^/]+)\/?$/.exec(url.pathname);
  return found ? decodeURIComponent(found[1]) : null;
}

/** `crypto.randomUUID` exists in secure contexts only, and a demo on the local network is not one. */
export function uuid() {
  if (globalThis.crypto.randomUUID) return globalThis.crypto.randomUUID();
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
