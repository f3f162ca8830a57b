// @ts-check
/** The reading column: the pieces of a text, of which only what has changed is drawn again. */

import { h } from "../dom.js";
import { Growing, paragraphs, render } from "../markdown.js";
import { t } from "../t.js";

/**
 * @typedef {import("../reading.js").Piece} Piece
 */

export class Page {
  constructor() {
    this.node = h("div.prose", {});
    /** @type {{key: string, piece: Piece, node: HTMLElement, growing?: Growing, old?: HTMLElement[]}[]} */
    this._drawn = [];
  }

  /** @param {Piece[]} pieces */
  draw(pieces) {
    const same = pieces.length === this._drawn.length && pieces.every((piece, index) => {
      const { piece: before } = this._drawn[index];
      return piece === before || (piece.writing && before.writing && piece.section === before.section && piece.text === before.text);
    });
    if (same) {
      for (const [index, piece] of pieces.entries()) {
        if (piece === this._drawn[index].piece) continue;
        grow(this._drawn[index], piece);
        this._drawn[index].piece = piece;
      }
      return;
    }
    const known = new Map(this._drawn.map((one) => [one.key, one]));
    /** @type {typeof this._drawn} */
    const next = [];
    for (const [index, piece] of pieces.entries()) {
      // What is being written is the same piece until it is finished, and as finished it is another.
      const key = piece.writing ? `${piece.section}…${piece.text}` : `${piece.section} ${piece.text}`;
      const before = known.get(key) ?? this._settling(piece, pieces, index) ?? null;
      known.delete(before?.key ?? key);
      const one = before ?? { key, piece, node: section(piece) };
      one.key = key;
      if (piece.writing) grow(one, piece);
      one.piece = piece;
      if (piece.at === undefined) delete one.node.dataset.at;
      else one.node.dataset.at = String(piece.at);
      next.push(one);
    }
    for (const gone of known.values()) gone.node.remove();
    for (const [index, one] of next.entries()) {
      const there = this.node.children[index];
      if (there !== one.node) this.node.insertBefore(one.node, there ?? null);
    }
    this._drawn = next;
  }

  /**
   * The piece that was being written and is now finished with the very text that is on the page: it stays there.
   * @param {Piece} piece @param {Piece[]} pieces @param {number} index
   */
  _settling(piece, pieces, index) {
    if (piece.writing) return null;
    const one = this._drawn.find((drawn) => drawn.growing && drawn.piece.section === piece.section);
    if (!one || pieces.some((other, at) => at !== index && other.section === piece.section)) return null;
    one.growing?.set(piece.text);
    for (const node of one.old ?? []) node.remove();
    one.node.classList.remove("writing", "rewriting");
    one.growing = undefined;
    one.old = undefined;
    return one;
  }
}

/** @param {Piece} piece */
function section(piece) {
  const node = h("section", { data: { section: piece.section ?? "" } });
  if (!piece.writing) node.append(render(piece.text, { from: 0 }));
  return node;
}

/** @param {any} one @param {Piece} piece */
function grow(one, piece) {
  const writing = /** @type {{text: string, kind: string}} */ (piece.writing);
  if (!one.growing) {
    const fresh = h("div.fresh");
    one.growing = new Growing(fresh);
    one.node.classList.add("writing");
    one.node.append(fresh);
    if (piece.text) {
      one.node.classList.add("rewriting");
      one.old = paragraphs(piece.text).map((text) => {
        const node = h("div.old", {});
        node.append(render(text));
        return node;
      });
      one.node.append(h("span.visually-hidden", {}, t("reading.rewriting")), ...one.old);
    }
  }
  one.growing.set(writing.text);
  if (one.old) {
    // Each paragraph gives way to the one that takes its place.
    const begun = paragraphs(writing.text).length;
    one.old.forEach((/** @type {HTMLElement} */ node, /** @type {number} */ index) => (node.hidden = index < begun));
  }
}
