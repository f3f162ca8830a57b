// @ts-check
/** Story text as DOM nodes: a small, safe subset of Markdown. What it doesn't know is shown as it stands. */

import { h } from "./dom.js";
import { trimmed } from "./reading.js";

// No expression here has two ways to read the same characters: a stranger's line of a megabyte is read once.
const HEADING = /^(#{1,6})\s+(?=\S)/;
const ITEM = /^\s{0,3}(?:[-*+]|(\d{1,4})[.)])\s+([^]*)$/;
const QUOTE = /^\s{0,3}>\s?([^]*)$/;
const SPECIAL = /[\\*_`]/;
const DEEPEST = 4;

/**
 * @param {string} text
 * @param {{top?: number, from?: number}} [options] `top`: the highest level that a heading gets, 2 by default; `from`: each block says
 *   where in the source it stands, as data-start and data-end, where `text` begins there
 * @returns {DocumentFragment}
 */
export function render(text, options = {}) {
  const fragment = document.createDocumentFragment();
  const found = blocks(text);
  const top = options.top ?? 2;
  const least = found.reduce((level, block) => (block.kind === "heading" ? Math.min(level, block.level) : level), 6);
  let deepest = top;
  for (const block of found) {
    if (block.kind === "heading") {
      // No level is left out, whatever the text does: who reads by headings would look for what isn't there.
      block.level = Math.min(top + block.level - least, deepest, 6);
      deepest = block.level + 1;
    }
    const node = blockNode(block);
    if (options.from !== undefined) {
      Object.assign(node.dataset, { start: options.from + block.start, end: options.from + block.end });
    }
    fragment.append(node);
  }
  return fragment;
}

/** @param {string} text @returns {string[]} what empty lines part */
export function paragraphs(text) {
  return text.split(/\n[ \t]*\n+/).filter((part) => part.trim());
}

/**
 * @typedef {({kind: "heading", level: number, text: string} | {kind: "break"} | {kind: "quote", lines: string[]}
 *   | {kind: "list", ordered: boolean, first: number, items: string[]} | {kind: "text", text: string})
 *   & {start: number, end: number}} Block
 * @param {string} text
 * @returns {Block[]}
 */
export function blocks(text) {
  /** @type {Block[]} */
  const found = [];
  /** @type {string[]} */
  let lines = [];
  let begun = 0;
  let start = 0;
  let end = -1;
  const settle = () => {
    if (lines.length) found.push({ kind: "text", text: lines.join("\n"), start: begun, end: begun + lines.join("\n").length });
    lines = [];
  };
  for (const line of text.split("\n")) {
    start = end + 1;
    end = start + line.length;
    const last = found.at(-1);
    const open = lines.length > 0;
    /** @type {RegExpExecArray | null} */
    let match;
    if (!line.trim()) {
      settle();
      if (last && (last.kind === "quote" || last.kind === "list")) found.push({ kind: "text", text: "", start, end });
    } else if (isBreak(line)) {
      settle();
      found.push({ kind: "break", start, end });
    } else if ((match = HEADING.exec(line))) {
      settle();
      found.push({ kind: "heading", level: match[1].length, text: headingText(line.slice(match[0].length)), start, end });
    } else if ((match = QUOTE.exec(line))) {
      settle();
      if (!open && last?.kind === "quote") {
        last.lines.push(match[1]);
        last.end = end;
      } else {
        found.push({ kind: "quote", lines: [match[1]], start, end });
      }
    } else if ((match = ITEM.exec(line)) && (!open || match[1] === undefined || match[1] === "1")) {
      settle();
      const ordered = match[1] !== undefined;
      const list = listBefore(found, ordered);
      if (list) {
        list.items.push(match[2]);
        list.end = end;
      } else {
        found.push({ kind: "list", ordered, first: Number(match[1] ?? 1), items: [match[2]], start, end });
      }
    } else if (!open && last?.kind === "list") {
      last.items[last.items.length - 1] += `\n${line.trim()}`;
      last.end = end;
    } else {
      if (!open) begun = start;
      lines.push(line);
    }
  }
  settle();
  return found.filter((block) => block.kind !== "text" || block.text.trim());
}

/** Three or more of one mark and nothing else, or a sign that stands alone. @param {string} line */
function isBreak(line) {
  const bare = line.trim();
  if (bare === "⁂" || bare === "#") return true;
  if (!"*-_".includes(bare[0])) return false;
  let count = 0;
  for (const character of bare) {
    if (character === bare[0]) count += 1;
    else if (character.trim()) return false;
  }
  return count >= 3;
}

/** Without the marks that close it. @param {string} rest */
function headingText(rest) {
  const whole = rest.trimEnd();
  return trimmed(whole, "#").trimEnd() || whole[0];
}

/** A list goes on after an empty line. @param {Block[]} found @param {boolean} ordered */
function listBefore(found, ordered) {
  let index = found.length - 1;
  const last = found[index];
  if (last?.kind === "text" && last.text === "") index -= 1;
  const list = found[index];
  if (list?.kind !== "list" || list.ordered !== ordered) return null;
  found.length = index + 1;
  return list;
}

/** @param {Block} block a heading's level is that of its element */
function blockNode(block) {
  switch (block.kind) {
    case "heading":
      return h(`h${block.level}`, { dir: "auto" }, inline(block.text));
    case "break":
      return h("hr.scene");
    case "quote":
      return h("blockquote", { dir: "auto" }, inner(block.lines.join("\n")));
    case "list":
      return h(block.ordered ? "ol" : "ul", { dir: "auto", start: block.ordered && block.first !== 1 ? block.first : null },
        block.items.map((item) => h("li", {}, inline(item))));
    default:
      return h("p", { dir: "auto" }, inline(block.text));
  }
}

/**
 * What a quotation holds: a heading or another one in it is text. Its direction is that of the whole: text with one of
 * its own would not count for it.
 * @param {string} text
 */
function inner(text) {
  return blocks(text).map((part) => {
    if (part.kind === "quote") return h("p", {}, inline(part.lines.join("\n")));
    if (part.kind === "heading") return h("p", {}, h("strong", {}, inline(part.text)));
    const node = blockNode(part);
    node.removeAttribute("dir");
    return node;
  });
}

/**
 * @param {string} text
 * @param {number} [depth]
 * @returns {(Node | string)[]}
 */
export function inline(text, depth = 0) {
  if (!SPECIAL.test(text) || depth > DEEPEST) return withBreaks(text);
  /** @type {(Node | string)[]} */
  const nodes = [];
  /** @type {Set<string>} marks that nothing to come closes */
  const lone = new Set();
  let plain = "";
  let at = 0;
  const settle = () => {
    if (plain) for (const node of withBreaks(plain)) nodes.push(node);
    plain = "";
  };
  while (at < text.length) {
    const character = text[at];
    if (character === "\\" && /[\\*_`#>~\-+.!()[\]]/.test(text[at + 1] ?? "")) {
      plain += text[at + 1];
      at += 2;
      continue;
    }
    const mark = markAt(text, at);
    const end = mark && !lone.has(mark) ? closing(text, at, mark) : -1;
    if (mark === null || end === -1) {
      if (mark) lone.add(mark);
      plain += mark ?? character;
      at += (mark ?? character).length;
      continue;
    }
    settle();
    const inside = text.slice(at + mark.length, end);
    if (mark === "`") nodes.push(h("code", {}, inside));
    else if (mark === "***") nodes.push(h("strong", {}, h("em", {}, inline(inside, depth + 1))));
    else nodes.push(h(mark.length === 2 ? "strong" : "em", {}, inline(inside, depth + 1)));
    at = end + mark.length;
  }
  settle();
  return nodes;
}

/** @param {string} text @param {number} at */
function markAt(text, at) {
  for (const mark of ["***", "**", "__", "*", "_", "`"]) {
    if (!text.startsWith(mark, at)) continue;
    if (mark === "`") return mark;
    if (/\s|^$/.test(text[at + mark.length] ?? "")) return null;
    // snake_case is no emphasis
    if (mark[0] === "_" && /[\p{L}\p{N}]/u.test(text[at - 1] ?? "")) return null;
    return mark;
  }
  return null;
}

/** @param {string} text @param {number} at @param {string} mark */
function closing(text, at, mark) {
  for (let end = text.indexOf(mark, at + mark.length + 1); end !== -1; end = text.indexOf(mark, end + 1)) {
    if (mark === "`") return end;
    const before = text[end - 1];
    const after = text[end + mark.length] ?? "";
    if (mark.length === 1 && after === mark) {
      end += 1; // the first half of a double mark
      continue;
    }
    if (/\s/.test(before) || before === "\\") continue;
    if (mark[0] === "_" && /[\p{L}\p{N}]/u.test(after)) continue;
    return end;
  }
  return -1;
}

/** Lines that end with two spaces or a backslash are broken there. @param {string} text */
function withBreaks(text) {
  const lines = text.split("\n");
  const last = /** @type {string} */ (lines.pop());
  /** @type {(Node | string)[]} */
  const nodes = [];
  let part = "";
  for (const line of lines) {
    const bare = line.endsWith("\\") ? line.slice(0, -1) : line.endsWith("  ") ? trimmed(line, " ") : line;
    part += bare;
    if (bare === line) {
      part += "\n";
    } else {
      nodes.push(part, h("br"));
      part = "";
    }
  }
  nodes.push(part + last);
  return nodes;
}

/**
 * Text that grows at its end: what is finished is left alone, and only the paragraph being written is touched.
 */
export class Growing {
  /** @param {HTMLElement} element @param {{top?: number}} [options] as of `render` */
  constructor(element, options = {}) {
    this.element = element;
    this._top = options.top;
    this.text = "";
    this._open = 0;
    /** @type {ChildNode[]} nodes of the open paragraph */
    this._last = [];
  }

  /** @param {string} text */
  set(text) {
    if (text === this.text) return;
    if (!text.startsWith(this.text)) {
      this.element.replaceChildren();
      this.text = "";
      this._open = 0;
      this._last = [];
    }
    const added = text.slice(this.text.length);
    const tail = this._plainTail();
    if (tail && !/[\n\\*_`]/.test(added) && this.text.length > this._open) {
      tail.appendData(added);
      this.text = text;
      /** @type {HTMLElement} */ (this._last[0]).dataset.end = String(text.length);
      return;
    }
    this.text = text;
    const end = lastGap(text, this._open);
    for (const node of this._last) node.remove();
    this._last = [];
    if (end > this._open) {
      this.element.append(render(text.slice(this._open, end), { top: this._top, from: this._open }));
      this._open = end;
    }
    const rest = render(text.slice(this._open), { top: this._top, from: this._open });
    this._last = [...rest.childNodes];
    this.element.append(rest);
  }

  _plainTail() {
    const node = this._last.length === 1 ? this._last[0] : null;
    if (!(node instanceof HTMLParagraphElement) || node.childNodes.length !== 1) return null;
    const text = node.firstChild;
    return text instanceof Text && text.data.length > 3 ? text : null;
  }
}

/** Where the last empty line ends. @param {string} text @param {number} from */
function lastGap(text, from) {
  const at = text.lastIndexOf("\n\n");
  return at < from ? from : at + 2;
}
