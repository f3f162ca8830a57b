// @ts-check
/** Elements and nothing else: whatever comes from people or models is set as text, never parsed as HTML. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @typedef {Node | string | number | null | undefined | false} Child
 * @param {string} tag `div`, or `div.card.wide` with classes
 * @param {Record<string, any>} [props] attributes; `on` listeners, `data` data attributes, `vars` CSS custom properties,
 *   `value`, `checked`, `disabled` as properties; null, undefined and false are left out
 * @param {...(Child | Child[])} children
 * @returns {any}
 */
export function h(tag, props = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  element.classList.add(...classes);
  return fill(element, props, children);
}

/** @param {string} tag @param {Record<string, any>} [props] @param {...(Child | Child[])} children @returns {any} */
export function svg(tag, props = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElementNS(SVG, name);
  element.classList.add(...classes);
  return fill(element, props, children);
}

/** @param {any} element @param {Record<string, any>} props @param {(Child | Child[])[]} children */
function fill(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [type, listener] of Object.entries(value)) element.addEventListener(type, listener);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "vars") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, String(one));
    else if (name === "value" || name === "checked" || name === "disabled") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  return add(element, children);
}

/** One by one: a call takes no hundred thousand arguments. @template {Element} E @param {E} element @param {(Child | Child[])[]} children */
function add(element, children) {
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** Replaces what is in `element`. @param {Element} element @param {...(Child | Child[])} children */
export function put(element, ...children) {
  element.replaceChildren();
  return add(element, children);
}

/** Sets text only where it differs, so that nothing is laid out or announced again. @param {Element} element @param {unknown} text */
export function say(element, text) {
  const wanted = String(text ?? "");
  if (element.textContent !== wanted) element.textContent = wanted;
}

/** @param {Element} element @param {boolean} shown */
export function show(element, shown) {
  if (/** @type {HTMLElement} */ (element).hidden === shown) /** @type {HTMLElement} */ (element).hidden = !shown;
}

/** A decorative line icon of those in `ICONS`. @param {string} name */
export function icon(name) {
  return svg("svg.icon", { viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    ...ICONS[name].map((d) => svg("path", { d })));
}

/** @type {Record<string, string[]>} */
const ICONS = {
  copy: ["M9 9h11v11H9z", "M5 15H4V4h11v1"],
  check: ["M5 12.5l4.5 4.5L19 7.5"],
  pause: ["M8 5v14", "M16 5v14"],
  play: ["M7 5l12 7-12 7z"],
  stop: ["M6 6h12v12H6z"],
  send: ["M4 12h15", "M13 6l6 6-6 6"],
  book: ["M12 6.5C10 5 7 4.5 3.5 4.8v13.7c3.5-.3 6.5.2 8.5 1.7 2-1.5 5-2 8.5-1.7V4.8C17 4.5 14 5 12 6.5z", "M12 6.5v13.5"],
  share: ["M12 15V4", "M8 8l4-4 4 4", "M5 13v7h14v-7"],
  download: ["M12 4v11", "M8 11l4 4 4-4", "M5 20h14"],
  fork: ["M7 5v5c0 3 5 3 5 6v3", "M17 5v5c0 3-5 3-5 6", "M5 5h4", "M15 5h4"],
  edit: ["M4 20l1-4L16.5 4.5l3 3L8 19z"],
  trash: ["M5 7h14", "M9 7V4h6v3", "M7 7l1 13h8l1-13"],
  sun: ["M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z", "M12 2.5v2", "M12 19.5v2", "M2.5 12h2", "M19.5 12h2", "M5.3 5.3l1.4 1.4", "M17.3 17.3l1.4 1.4", "M5.3 18.7l1.4-1.4", "M17.3 6.7l1.4-1.4"],
  half: ["M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z", "M12 4v16", "M12 8h6.4", "M12 12h8", "M12 16h6.4"],
  moon: ["M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z"],
  person: ["M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8z", "M4.5 20.5c.7-4 3.7-6 7.5-6s6.8 2 7.5 6"],
  down: ["M12 5v14", "M6 13l6 6 6-6"],
  plus: ["M12 5v14", "M5 12h14"],
  close: ["M6 6l12 12", "M18 6L6 18"],
  up: ["M12 19V5", "M6 11l6-6 6 6"],
  previous: ["M14 6l-6 6 6 6"],
  next: ["M10 6l6 6-6 6"],
  redo: ["M19 12a7 7 0 1 1-2.2-5.1", "M19 3v4.5h-4.5"],
  sound: ["M4 9.5v5h3.5L12 19V5L7.5 9.5z", "M15.5 9a4 4 0 0 1 0 6", "M18 6.5a8 8 0 0 1 0 11"],
  search: ["M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z", "M15.5 15.5L20 20"],
  talk: ["M4 5h16v11h-9l-4 4v-4H4z"],
  folder: ["M4 6h5l2 2h9v11H4z"],
  link: ["M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1", "M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1"],
  chevron: ["M7 10l5 5 5-5"],
  spark: ["M12 3l2.2 6.8L21 12l-6.8 2.2L12 21l-2.2-6.8L3 12l6.8-2.2z"],
};
