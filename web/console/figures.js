/** @file What the charts show, worked out of minutes: pure, without a page. */

const MINUTE_MS = 60_000;
/** Bars of a chart, whatever the time it shows. */
export const SLOTS = 60;
/** Causes with a colour of their own. */
export const COLOURS = 7;

/** @typedef {{at: string, connections: number, accepted: number, messages: number, refused: Record<string, number>, closed: Record<string, Record<string, number>>}} Minute */

/**
 * Puts newer counts of minutes in the place of older ones, and lets go what is too old.
 * @param {Map<number, Minute>} known By the time of their beginning.
 * @param {Minute[]} news @param {string} now
 */
export function merge(known, news, now) {
  for (const minute of news) known.set(Date.parse(minute.at), minute);
  const oldest = Date.parse(now) - 12 * 60 * MINUTE_MS;
  for (const at of known.keys()) if (at < oldest - MINUTE_MS) known.delete(at);
}

/** How often a cause did anything in a minute. */
export function ofCause(minute, cause) {
  const ended = Object.values(minute.closed[cause] ?? {}).reduce((sum, count) => sum + count, 0);
  return { refused: minute.refused[cause] ?? 0, closed: ended };
}

function causesOf(minute) {
  return new Set([...Object.keys(minute.refused), ...Object.keys(minute.closed)]);
}

/**
 * The last hours in equal parts; a part of which nothing is known is `null`.
 * @param {Map<number, Minute>} known @param {number} minutes @param {string} now
 */
export function slots(known, minutes, now) {
  const width = (minutes / SLOTS) * MINUTE_MS;
  const end = Math.floor(Date.parse(now) / width) * width + width;
  return Array.from({ length: SLOTS }, (_, n) => {
    const from = end - (SLOTS - n) * width;
    const slot = { from, to: from + width, known: false, connections: 0, accepted: 0, messages: 0, causes: new Map() };
    for (let at = from; at < slot.to; at += MINUTE_MS) {
      const minute = known.get(at);
      if (!minute) continue;
      slot.known = true;
      slot.connections = minute.connections;
      slot.accepted += minute.accepted;
      slot.messages += minute.messages;
      for (const cause of causesOf(minute)) {
        const { refused, closed } = ofCause(minute, cause);
        const sum = slot.causes.get(cause) ?? { refused: 0, closed: 0 };
        slot.causes.set(cause, { refused: sum.refused + refused, closed: sum.closed + closed });
      }
    }
    return slot;
  });
}

/** All causes of these parts, the most frequent first. */
export function ranked(parts) {
  const sums = new Map();
  for (const { causes } of parts) {
    for (const [cause, { refused, closed }] of causes) {
      const sum = sums.get(cause) ?? { cause, refused: 0, closed: 0 };
      sums.set(cause, { cause, refused: sum.refused + refused, closed: sum.closed + closed });
    }
  }
  return [...sums.values()].sort((a, b) => b.refused + b.closed - a.refused - a.closed || (a.cause < b.cause ? -1 : 1));
}

/** A round number, with a whole half where it can be, that nothing of these is above. */
export function ceiling(values) {
  const most = Math.max(1, ...values);
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 4, 6, 8, 10].map((step) => step * power).find((step) => step >= most);
}

/** What is stacked: each cause with its colour, `none` without one, the rest together. */
export function layers(parts) {
  const all = ranked(parts);
  const coloured = all.filter(({ cause }) => cause !== "none").slice(0, COLOURS).map(({ cause }, n) => ({ cause, colour: `colour-${n}`, causes: [cause] }));
  const rest = all.map(({ cause }) => cause).filter((cause) => cause !== "none" && !coloured.some((layer) => layer.cause === cause));
  const others = rest.length ? [{ cause: "others", colour: "colour-others", causes: rest }] : [];
  const none = all.some(({ cause }) => cause === "none") ? [{ cause: "none", colour: "colour-none", causes: ["none"] }] : [];
  return [...none, ...coloured, ...others];
}

/** How much of a layer is in a part. */
export function amount(part, layer) {
  return layer.causes.reduce((sum, cause) => {
    const { refused, closed } = part.causes.get(cause) ?? { refused: 0, closed: 0 };
    return sum + refused + closed;
  }, 0);
}
