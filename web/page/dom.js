/**
 * @file Elements from plain calls. Text only ever becomes a text node, so nothing that a person wrote can
 * become markup; there is no way to pass HTML in.
 */

const SVG = "http://www.w3.org/2000/svg";

/** Strokes of 24 by 24 icons. */
const ICONS = {
  back: "M15 5l-7 7 7 7",
  send: "M5 12h13M12 5l7 7-7 7",
  edit: "M4 20h4L19 9l-4-4L4 16v4zM13.5 6.5l4 4",
  trash: "M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12M10.5 11v5M13.5 11v5",
  down: "M12 5v14M5 12l7 7 7-7",
  close: "M6 6l12 12M18 6L6 18",
  out: "M14 5H6v14h8M11 12h9M17 8.5l3.5 3.5-3.5 3.5",
  retry: "M19 12a7 7 0 1 1-2.1-5M19 4v4h-4",
  clock: "M12 7.5V12l3 2M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16z",
  tick: "M5 12.5l4.5 4.5L19 7.5",
  ticks: "M2 12.5L6.5 17 16 7.5M11 16l1 1 9.5-9.5",
  alert: "M12 8.5v4.5M12 16.2v.1M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17z",
  plug: "M9 4v4M15 4v4M7 8h10v3.5a5 5 0 0 1-10 0V8zM12 16.5V21",
  help: "M9.3 9.4a2.8 2.8 0 1 1 4 2.6c-.8.4-1.3 1-1.3 2M12 17v.1M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17z",
  talk: "M4 11.5C4 7.9 7.6 5 12 5s8 2.9 8 6.5S16.400 18 12 18c-1 0-2-.15-2.9-.43L5 19l1-3.3C4.8 14.600 4 13.100 4 11.500z",
};

/**
 * @param {string} tag
 * @param {Record<string, any>} [props] Attributes; `on` holds listeners; null and false leave one out.
 * @param {...(Node | string | null | false | undefined)} children
 * @returns {HTMLElement}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "on") for (const [type, listener] of Object.entries(value)) element.addEventListener(type, listener);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** The mark, as in icon.svg. */
export function mark() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 32 32");
  svg.setAttribute("class", "mark");
  svg.setAttribute("aria-hidden", "true");
  const bubble = document.createElementNS(SVG, "path");
  bubble.setAttribute(
    "d",
    "M4 14.600C4 8.700 9.400 4 16 4s12 4.700 12 10.600-5.400 10.600-12 10.600c-1.500 0-3-.25-4.400-.7L5.500 27.600l1.400-5.300C5.100 20.200 4 17.500 4 14.600Z",
  );
  const dot = document.createElementNS(SVG, "circle");
  for (const [name, value] of Object.entries({ cx: 16, cy: 14.8, r: 2.6, class: "mark-dot" })) dot.setAttribute(name, value);
  svg.append(bubble, dot);
  return svg;
}

/** A button that is an icon: the label is for those who cannot see it. */
export function iconButton(name, label, listener, props = {}) {
  return h("button", { type: "button", class: "icon-button", "aria-label": label, title: label, ...props, on: { click: listener } }, icon(name));
}

/** A round initial in one of eight hues, always the same for the same person. */
export function avatar(person, size = "") {
  const hue = [...String(person.id)].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 997, 7) % 8;
  const [initial = "?"] = [...String(person.name ?? "").trim()];
  return h("span", { class: `avatar hue-${hue} ${size}`, "aria-hidden": "true" }, initial.toUpperCase());
}

/** Text with its web addresses made into links. Nothing but http and https becomes one. */
export function linked(text) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(/https?:\/\/[^\s<>"'`]+[^\s<>"'`.,;:!?)\]}»”]/g)) {
    parts.push(text.slice(from, found.index), webLink(found[0], found[0]));
    from = found.index + found[0].length;
  }
  parts.push(text.slice(from));
  return parts.filter((part) => part !== "");
}

/** @returns {HTMLElement | string} The bare text where the address is no web address. */
export function webLink(address, text) {
  const url = URL.canParse(address, location.href) ? new URL(address, location.href) : null;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") return text;
  return h("a", { href: url.href, target: "_blank", rel: "noopener noreferrer nofollow" }, text);
}
