/**
 * @file What the page is going through, as events of the machine: network, visibility, sleep.
 *
 * Does nothing where there is no page (Node), and as much as there is in a worker.
 */

/**
 * @param {(type: string) => void} tell
 * @param {(uri: string) => void} blocked The page's content policy stopped something of ours, or of others.
 * @returns {() => void} Ends the watch.
 */
export function watchPage(tell, blocked) {
  const { document, navigator, addEventListener } = globalThis;
  if (!addEventListener) return () => {};
  const watch = new AbortController();
  /** @param {EventTarget | undefined} target @param {string} name @param {(event: any) => void} handle */
  const on = (target, name, handle) => target?.addEventListener(name, handle, { signal: watch.signal });
  for (const name of ["online", "offline"]) on(globalThis, name, () => tell(name));
  on(globalThis, "pageshow", ({ persisted }) => persisted && tell("resumed"));
  on(document, "freeze", () => tell("frozen"));
  on(document, "resume", () => tell("resumed"));
  on(document, "visibilitychange", () => tell(document.visibilityState));
  on(globalThis, "securitypolicyviolation", ({ disposition, blockedURI }) => disposition === "enforce" && blocked(blockedURI));
  if (document?.visibilityState === "hidden") tell("hidden");
  if (navigator?.onLine === false) tell("offline");
  return () => watch.abort();
}
