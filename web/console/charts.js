/**
 * @file Charts drawn by hand: bars and areas over time, each with a cursor for pointer and keyboard that says in words
 * what stands there, and the same as a table.
 */
import { h } from "/assets/web/page/dom.js";
import { currentLanguage } from "/assets/web/page/words.js";
import { ceiling } from "./figures.js";
import { head, number, wideTable } from "./operator.js";
import { say } from "./overview-words.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 168;
const EDGE = { left: 44, right: 6, top: 10, bottom: 22 };
/** Pixels that a label of time takes. */
const LABEL = 56;

function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function hour(time) {
  return new Date(time).toLocaleTimeString(currentLanguage(), { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

/** A bar as long as its share of the whole. @param {number} part From 0 to 1. */
export function share(part) {
  return svg("svg", { class: "share", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" }, svg("rect", { width: 100 * part, height: 6 }));
}

/**
 * One chart, drawn again whenever there is something new; the cursor stays where it was.
 * @param {object} chart
 * @param {string} chart.title
 * @param {"bars" | "area"} chart.shape
 * @param {boolean} [chart.legend]
 */
export class Chart {
  #cursor = null;
  #drawn = null;

  constructor({ title, shape, legend = false }) {
    this.shape = shape;
    this.title = h("h3", {}, title);
    this.picture = h("div", { class: "picture", tabindex: "0", role: "application", "aria-label": `${title}. ${say("chart.keys")}` });
    this.words = h("p", { class: "reading", "aria-live": "polite" });
    this.legend = legend ? h("ul", { class: "legend" }) : null;
    this.table = h("div", {});
    this.details = h("details", { class: "as-table" }, h("summary", {}, say("chart.table")), this.table);
    this.details.addEventListener("toggle", () => this.#tabulate());
    this.element = h("section", { class: `chart is-${shape}` }, this.title, this.picture, this.legend, this.words, this.details);
    this.picture.addEventListener("pointermove", (event) => this.#point(event));
    this.picture.addEventListener("pointerleave", () => document.activeElement === this.picture || this.#move(null));
    this.picture.addEventListener("blur", () => this.#move(null));
    this.picture.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#paint()).observe(this.picture);
  }

  /** @param {{from: number, to: number, known: boolean}[]} parts @param {{name: string, colour: string, of: (part: any) => number}[]} rows From the bottom up. */
  draw(parts, rows) {
    this.#drawn = { parts, rows };
    this.legend?.replaceChildren(...rows.map(({ name, colour }) => h("li", {}, h("span", { class: `swatch ${colour}` }), name)).reverse());
    this.#paint();
    this.#tabulate();
  }

  #paint() {
    const width = this.picture.clientWidth;
    if (!this.#drawn || width < 80) return;
    const { parts, rows } = this.#drawn;
    const space = { width: width - EDGE.left - EDGE.right, height: HEIGHT - EDGE.top - EDGE.bottom };
    const step = space.width / parts.length;
    const totals = parts.map((part) => rows.reduce((sum, row) => sum + row.of(part), 0));
    const most = ceiling(totals);
    const x = (n) => EDGE.left + n * step;
    const y = (value) => EDGE.top + space.height * (1 - value / most);
    const picture = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, "aria-hidden": "true" });
    picture.append(...this.#grid(parts, most, { x, y, width, step }));
    parts.forEach((part, n) => part.known || picture.append(svg("rect", { class: "unknown", x: x(n), y: EDGE.top, width: step, height: space.height })));
    picture.append(...(this.shape === "area" ? areas(parts, rows[0], { x, y, step }) : bars(parts, rows, { x, y, step })));
    this.marker = svg("rect", { class: "cursor", y: EDGE.top, width: Math.max(step, 2), height: space.height });
    picture.append(this.marker);
    this.place = { x, step };
    this.picture.replaceChildren(picture);
    this.#move(this.#cursor);
  }

  #grid(parts, most, { x, y, width, step }) {
    const heights = most < 2 ? [0, most] : [0, most / 2, most];
    const lines = heights.flatMap((value) => [
      svg("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: y(value), y2: y(value) }),
      svg("text", { class: "tick", x: EDGE.left - 8, y: y(value) + 4, "text-anchor": "end" }, number(value)),
    ]);
    const every = [5, 10, 15, 20, 30].find((count) => count * step >= LABEL) ?? 30;
    const times = parts.flatMap((part, n) => (n % every === 0 && x(n) + LABEL / 2 < width ? [svg("text", { class: "tick", x: x(n), y: HEIGHT - 4, "text-anchor": n === 0 ? "start" : "middle" }, hour(part.from))] : []));
    return [...lines, ...times];
  }

  #point({ clientX }) {
    const { left } = this.picture.getBoundingClientRect();
    const n = Math.floor((clientX - left - EDGE.left) / this.place.step);
    this.#move(Math.max(0, Math.min(this.#drawn.parts.length - 1, n)));
  }

  #key(event) {
    const last = this.#drawn.parts.length - 1;
    const from = this.#cursor ?? last + 1;
    const to = { ArrowLeft: from - 1, ArrowRight: Math.min(from, last) + 1, Home: 0, End: last, Escape: null }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.#move(to === null ? null : Math.max(0, Math.min(last, to)));
  }

  #move(to) {
    this.#cursor = to;
    if (!this.marker) return;
    this.marker.classList.toggle("is-shown", to !== null);
    if (to === null) return this.words.replaceChildren(say("chart.hint"));
    const part = this.#drawn.parts[to];
    this.marker.setAttribute("x", this.place.x(to));
    this.words.replaceChildren(h("strong", {}, `${hour(part.from)}–${hour(part.to)}`), " ", ...this.#reading(part));
  }

  #reading(part) {
    if (!part.known) return [say("chart.unknown")];
    const all = this.#drawn.rows.map((row) => ({ ...row, count: row.of(part) })).filter(({ count }) => count > 0 || this.#drawn.rows.length === 1);
    if (all.length === 0) return [say("chart.nothing")];
    return all.reverse().map(({ name, colour, count }) => h("span", { class: "value" }, h("span", { class: `swatch ${colour}` }), `${name} `, h("b", {}, number(count))));
  }

  #tabulate() {
    if (!this.details.open || !this.#drawn) return;
    const { parts, rows } = this.#drawn;
    const heads = [say("chart.time"), ...rows.map(({ name }) => name)].map(head);
    const lines = parts.filter((part) => part.known).reverse().map((part) => h("tr", {}, h("td", {}, hour(part.from)), ...rows.map((row) => h("td", { class: "number" }, number(row.of(part))))));
    this.table.replaceChildren(wideTable(this.title.textContent, heads, lines));
  }
}

function bars(parts, rows, { x, y, step }) {
  const gap = step > 6 ? 2 : 0.5;
  return parts.flatMap((part, n) => {
    let below = 0;
    return rows.flatMap((row) => {
      const count = row.of(part);
      if (count === 0) return [];
      const bar = svg("rect", { class: `bar ${row.colour}`, x: x(n) + gap / 2, width: Math.max(step - gap, 1), y: y(below + count), height: y(below) - y(below + count), rx: step > 8 ? 1.5 : 0 });
      below += count;
      return [bar];
    });
  });
}

/** A line with what is below it, broken where nothing is known. */
function areas(parts, row, { x, y, step }) {
  const runs = [];
  parts.forEach((part, n) => {
    if (!part.known) return;
    const last = runs.at(-1);
    if (last && last.at(-1).n === n - 1) last.push({ n, value: row.of(part) });
    else runs.push([{ n, value: row.of(part) }]);
  });
  return runs.flatMap((run) => {
    const points = run.flatMap(({ n, value }) => [`${x(n)},${y(value)}`, `${x(n) + step},${y(value)}`]);
    const line = `M${points.join("L")}`;
    const below = `${line}L${x(run.at(-1).n) + step},${y(0)}L${x(run[0].n)},${y(0)}Z`;
    return [svg("path", { class: `area ${row.colour}`, d: below }), svg("path", { class: `line-of ${row.colour}`, d: line })];
  });
}
