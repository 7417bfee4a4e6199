/**
 * @file The live figures: one long answer of JSON lines, asked for again when it ends.
 *
 * The key travels in a header, never in an address, so this is `fetch` and not an `EventSource`.
 */
import { currentLanguage } from "/assets/web/page/words.js";

/** The server says something every second. */
const SILENT_MS = 10_000;
const RETRY_MS = [500, 1000, 2000, 5000];

/** What proves who asks: nothing where a proxy or the demo's own machine does. @param {string} key */
export function credentials(key) {
  const shown = key.trim() === "" ? {} : { authorization: `Bearer ${key.trim()}` };
  return { ...shown, "charla-console": "1", "accept-language": currentLanguage() };
}

/**
 * Watches until told to stop.
 * @param {object} watch
 * @param {string} watch.key
 * @param {(line: any) => void} watch.onLine
 * @param {(state: "connecting" | "live" | "away") => void} watch.onState
 * @param {(problem: any) => void} watch.onRefused Somebody else has to be asked: nothing is tried again.
 * @returns {() => void} Stops it.
 */
export function watch({ key, onLine, onState, onRefused }) {
  let failures = 0;
  let stopped = false;
  let abort = new AbortController();
  let timer = 0;
  run();
  return () => {
    stopped = true;
    clearTimeout(timer);
    abort.abort();
  };

  async function run() {
    if (failures === 0) onState("connecting");
    abort = new AbortController();
    try {
      const response = await fetch("/api/v1/console/live", { headers: credentials(key), cache: "no-store", signal: abort.signal });
      if (!response.ok) {
        const problem = await response.json().catch(() => ({}));
        if ([401, 403, 404].includes(response.status)) return stopped || onRefused(problem);
        throw new Error(problem.cause);
      }
      await read(response.body.getReader());
    } catch {
      failures += 1;
    }
    if (stopped) return;
    if (failures > 0) onState("away");
    timer = setTimeout(run, RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]);
  }

  async function read(reader) {
    const decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      const silence = setTimeout(() => abort.abort(), SILENT_MS);
      const { value, done } = await reader.read().finally(() => clearTimeout(silence));
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        if (stopped) return;
        failures = 0;
        onState("live");
        onLine(JSON.parse(line));
      }
    }
  }
}
