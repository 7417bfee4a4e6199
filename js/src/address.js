/** @file The socket's address, what of it may be shown, and ids to put into it. */

/**
 * @param {string | URL} url Absolute, or relative to the page.
 * @returns {URL} With `ws:` or `wss:`.
 */
export function socketUrl(url) {
  const absolute = new URL(url, globalThis.location?.href);
  // No socket opens with a fragment, and the token would be blamed for it.
  absolute.hash = "";
  absolute.protocol = absolute.protocol.replace("http", "ws");
  return absolute;
}

/**
 * @param {URL} url
 * @param {Record<string, string | number | null | undefined>} parameters Those without a value are left out.
 */
export function withParameters(url, parameters) {
  const address = new URL(url);
  for (const [name, value] of Object.entries(parameters)) {
    if (value != null) address.searchParams.set(name, String(value));
  }
  return address;
}

/**
 * @param {string} text
 * @param {string} token The one in use.
 * @returns {string} Without it, without anything that looks like one, and of an address's parameters only those that name a place.
 */
export function redacted(text, token) {
  const bare = token ? text.replaceAll(token, "***") : text;
  return bare
    .replace(/\/\/[^/\s]*@/g, "//***@")
    .replace(/([?&](?!(?:tenant|schema|attempt|after|rev|epoch)=)[\w-]+=)[^&\s]*/g, "$1***")
    .replace(/\beyJ[\w-]+\.[\w-]+(\.[\w-]*)?/g, "***");
}

/** @param {() => number} now @returns {() => number} The same clock in whole milliseconds, going on from where it was when somebody sets it back. */
export function steady(now) {
  let last = -Infinity;
  let setBackMs = 0;
  return () => {
    const at = Math.round(now());
    setBackMs = Math.max(setBackMs, last - at);
    return (last = at + setBackMs);
  };
}

/** @param {URL} url @returns {string | null} The chat that this address enters by itself. */
export function entryChatOf(url) {
  const found = /\/ws\/chat\/([^/]+)\/?$/.exec(url.pathname);
  return found && decodeURIComponent(found[1]);
}

/**
 * A UUID of version 7: the server stores ids that grow with time best. `crypto.randomUUID` makes other ones, and
 * exists in secure contexts only, which a demo on the local network is not.
 */
export function uuid(nowMs = Date.now()) {
  const random = Array.from(crypto.getRandomValues(new Uint8Array(9)), (byte) => byte.toString(16).padStart(2, "0"));
  const digits = nowMs.toString(16).padStart(12, "0") + random.join("");
  return digits.replace(/(.{8})(.{4})(.{3})(.{3})/, "$1-$2-7$3-8$4-");
}
