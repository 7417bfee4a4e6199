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

/**
 * @param {URL} url
 * @param {Record<string, string | number | null | undefined>} parameters Those without a value are left out.
 */
export function attemptUrl(url, parameters) {
  const address = new URL(url);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined) address.searchParams.set(name, String(value));
  }
  return address;
}

/** @param {URL} url @returns {string | null} The chat that this address enters by itself. */
export function entryChatOf(url) {
  const found = /\/ws\/chat\/([^/]+)\/?$/.exec(url.pathname);
  return found ? decodeURIComponent(found[1]) : null;
}

/**
 * A UUID of version 7: the server stores ids that grow with time best. `crypto.randomUUID` makes other ones, and
 * exists in secure contexts only, which a demo on the local network is not.
 */
export function uuid(nowMs = Date.now()) {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(nowMs / 2 ** 16));
  view.setUint16(4, nowMs % 2 ** 16);
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
