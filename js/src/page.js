/**
 * @file What the page is going through, as events of the machine: network, visibility, sleep.
 *
 * Does nothing where there is no page (Node, workers).
 */

/**
 * @param {(event: {type: string}) => void} tell
 * @returns {() => void} Ends the watch.
 */
export function watchPage(tell) {
  const { window, document, navigator } = globalThis;
  if (!window?.addEventListener || !document?.addEventListener) return () => {};
  const watch = new AbortController();
  const { signal } = watch;
  const on = (target, name, type) => target.addEventListener(name, () => tell({ type: type() }), { signal });
  on(window, "online", () => "online");
  on(window, "offline", () => "offline");
  on(window, "pageshow", () => "resumed");
  on(document, "resume", () => "resumed");
  on(document, "visibilitychange", () => (document.visibilityState === "hidden" ? "hidden" : "visible"));
  if (navigator?.onLine === false) tell({ type: "offline" });
  return () => watch.abort();
}
