// @ts-check
/** A line of a chat: what somebody says, with the tools that an agent has used for it. */

import { agentName, statusName } from "../cast.js";
import { pieces } from "../chat.js";
import { h, icon, put, say, show } from "../dom.js";
import { keep, recall } from "../kept.js";
import { Growing } from "../markdown.js";
import { clock, dateTime, t, tOr, translated } from "../t.js";
import { aloudButton } from "./aloud.js";
import { copyButton } from "./copy.js";

/**
 * @typedef {import("../chat.js").Row} Row
 * @typedef {{
 *   me: string, name: (author: string | null) => string, templates: any[], mayWrite: boolean, story: (callId: string) => any,
 *   begin: (proposal: any, callId: string) => Promise<void>, edit: (row: Row, text: string) => boolean,
 *   regenerate: (row: Row) => void, turn: (seq: number, by: -1 | 1) => void, again: (row: Row) => void,
 *   takeBack: (row: Row) => void, chat: string, project: string | null
 * }} Hands what the page does for its lines
 */

export class Said {
  /** @param {Hands} hands @param {Row} row */
  constructor(hands, row) {
    this._hands = hands;
    this._by = h("p.by", {});
    this._body = h("div.said", {});
    this._state = h("div.how", {});
    this._acts = h("div.acts", {});
    this.node = h(row.role === "user" ? "li.turn.mine" : "li.turn", { data: { id: row.id } }, this._by, this._body, this._state, this._acts);
    /** @type {({growing: Growing, node: HTMLElement} | {tool: ToolLine, node: HTMLElement})[]} */
    this._pieces = [];
    this._editing = false;
  }

  /** @param {Row} row @param {{siblings: number[], busy: boolean}} how `busy` while an answer is written: then nothing is changed */
  draw(row, how) {
    const thinking = row.is === "writing" && !row.text.trim() && !row.tools.some((one) => one.open);
    const told = [thinking, row.is, row.seq, how.siblings.join(), how.busy, row.entry?.refused?.message, this._hands.mayWrite].join("|");
    this.row = row;
    if (row.text !== this._text || (row.role !== "user" && row.tools !== this._tools)) this._say(row);
    if (told === this._told) return;
    this._told = told;
    this.node.dataset.is = row.is;
    if (row.seq !== null) this.node.dataset.seq = String(row.seq);
    this._head(row);
    this._how(row, thinking);
    this._buttons(row, how);
  }

  /** The stories that were begun from what it proposes go on. */
  refresh() {
    for (const piece of this._pieces) if ("tool" in piece) piece.tool.refresh();
  }

  /** @param {Row} row */
  _head(row) {
    const at = row.message?.created_at;
    put(this._by, h("strong", { dir: "auto" }, row.role === "user" ? this._hands.name(row.author) : agentName(row.agent)),
      at ? h("time", { datetime: at, title: dateTime(at) }, clock(at)) : null);
  }

  /** @param {Row} row */
  _say(row) {
    this._text = row.text;
    this._tools = row.tools;
    if (row.role === "user") {
      if (!this._editing) put(this._body, h("p", { dir: "auto" }, row.text));
      return;
    }
    const wanted = pieces(row.text, row.tools);
    wanted.forEach((piece, index) => {
      let there = this._pieces[index];
      if (there && ("tool" in there) !== Boolean(piece.tool)) {
        for (const old of this._pieces.splice(index)) old.node.remove();
        there = this._pieces[index];
      }
      if (!there) {
        there = piece.tool ? toolPiece(this._hands, piece.tool) : textPiece();
        this._pieces[index] = there;
        this._body.append(there.node);
      }
      if ("tool" in there) there.tool.draw(/** @type {any} */ (piece.tool));
      else there.growing.set((piece.text ?? "").trim());
    });
    for (const old of this._pieces.splice(wanted.length)) old.node.remove();
  }

  /** @param {Row} row @param {boolean} thinking */
  _how(row, thinking) {
    const { entry, message } = row;
    const words = row.is === "queued" ? t("chat.queued") : row.is === "sending" ? t("chat.sending") : row.is === "waiting" ? t("chat.waiting") : "";
    const notes = message?.metadata?.notes ?? [];
    put(this._state,
      thinking ? h("p.thinking", {}, t("chat.thinking", { name: agentName(row.agent) })) : null,
      words ? h("p.hint", {}, words) : null,
      message?.metadata?.stopped ? h("p.hint", {}, t("chat.stopped")) : null,
      message?.metadata?.failed ? h("p.hint", {}, t("chat.broken")) : null,
      notes.map((/** @type {string} */ note) => h("p.hint", { dir: "auto" }, note)),
      row.is === "refused" ? h("p.trouble", { role: "alert" }, entry?.refused?.message || tOr(`error.${entry?.refused?.code}`, t("error.internal"))) : null,
      row.is === "refused" || row.is === "waiting" ? h("div.buttons", {},
        row.is === "refused" ? h("button.button.small", { type: "button", on: { click: () => this._hands.again(row) } }, t("again")) : null,
        h("button.button.small", { type: "button", on: { click: () => this._hands.takeBack(row) } }, t("chat.takeBack"))) : null);
  }

  /** @param {Row} row @param {{siblings: number[], busy: boolean}} how */
  _buttons(row, how) {
    if (row.is !== "kept") {
      put(this._acts);
      return;
    }
    const { mayWrite } = this._hands;
    const focused = this._acts.contains(document.activeElement) ? document.activeElement?.getAttribute("data-act") : null;
    /** @param {string} act @param {string} words @param {string} sign @param {() => void} then */
    const button = (act, words, sign, then) =>
      h("button.icon-button", { type: "button", "aria-label": words, title: words, data: { act }, disabled: how.busy, on: { click: then } }, icon(sign));
    const place = how.siblings.indexOf(row.seq ?? 0);
    const many = how.siblings.length > 1 && place !== -1;
    /** @param {-1 | 1} by @param {string} act */
    const step = (by, act) => {
      const one = button(act, t(`chat.${act}`), act, () => this._hands.turn(row.seq ?? 0, by));
      one.disabled = how.busy || !mayWrite || how.siblings[place + by] === undefined;
      return one;
    };
    const own = row.role === "user" && row.author === this._hands.me;
    put(this._acts,
      many ? h("span.siblings", { role: "group", "aria-label": t(row.role === "user" ? "chat.siblings.mine" : "chat.siblings") },
        step(-1, "previous"), h("span", {}, t("chat.place", { place: place + 1, count: how.siblings.length })), step(1, "next")) : null,
      copyButton(row.text, t(row.role === "user" ? "chat.copy.mine" : "chat.copy")),
      row.role === "user" ? null : aloudButton(() => this.row?.text ?? ""),
      row.role !== "user" && mayWrite ? button("regenerate", t("chat.regenerate"), "redo", () => this._hands.regenerate(row)) : null,
      own && mayWrite ? button("edit", t("chat.edit"), "edit", () => this.edit()) : null);
    if (focused) this.focus(focused);
  }

  /** @param {string} act */
  focus(act) {
    const wanted = /** @type {HTMLButtonElement | null} */ (this._acts.querySelector(`[data-act="${act}"]`));
    const button = wanted && !wanted.disabled ? wanted : /** @type {HTMLButtonElement | null} */ (this._acts.querySelector("button:not(:disabled)"));
    button?.focus({ preventScroll: true });
  }

  /** The message can be changed in its place; what is typed is kept. */
  edit() {
    const { row, _hands: hands } = this;
    if (!row || this._editing) return;
    const kept = `edit.${hands.chat}.${row.seq}`;
    this._editing = true;
    const box = h("textarea", { id: `edit-${row.seq}`, rows: Math.min(12, row.text.split("\n").length + 1), dir: "auto", value: recall(kept) ?? row.text, on: {
      input: () => keep(kept, box.value === row.text ? null : box.value),
      keydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key === "Escape") cancel();
        if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
        event.preventDefault();
        form.requestSubmit();
      },
    } });
    const close = () => {
      this._editing = false;
      put(this._body, h("p", { dir: "auto" }, this.row?.text ?? ""));
      show(this._acts, true);
    };
    const cancel = () => {
      keep(kept, null);
      close();
      this.focus("edit");
    };
    const form = h("form.edit", { on: { submit: (/** @type {Event} */ event) => {
      event.preventDefault();
      const text = box.value.trim();
      if (!text) return;
      if (text !== row.text && !hands.edit(row, text)) return;
      keep(kept, null);
      close();
    } } },
      h("label.visually-hidden", { for: box.id }, t("chat.edit.label")), box,
      h("p.hint", {}, t("chat.edit.about")),
      h("div.buttons", {},
        h("button.button.small", { type: "button", on: { click: cancel } }, t("chat.edit.cancel")),
        h("button.button.small.primary", { type: "submit" }, t("chat.edit.send"))));
    show(this._acts, false);
    put(this._body, form);
    box.focus();
    box.setSelectionRange(box.value.length, box.value.length);
  }
}

function textPiece() {
  const node = h("div.words", {});
  return { growing: new Growing(node, { top: 2 }), node };
}

/** @param {Hands} hands @param {import("../chat.js").Tool} tool */
function toolPiece(hands, tool) {
  const line = tool.tool === "propose_story" ? new Proposal(hands, tool) : new ToolLine(hands, tool);
  return { tool: line, node: line.node };
}

/** What an agent did besides talking, in a small line. */
class ToolLine {
  /** @param {Hands} hands @param {import("../chat.js").Tool} tool */
  constructor(hands, tool) {
    this.hands = hands;
    this.node = h("p.tool", { data: { tool: tool.tool } });
  }

  /** @param {import("../chat.js").Tool} tool */
  draw(tool) {
    const told = JSON.stringify(tool);
    if (told === this._drawn) return;
    this._drawn = told;
    this.node.dataset.is = tool.error ? "failed" : tool.open ? "open" : "done";
    put(this.node, icon(SIGNS[tool.tool] ?? "spark"), h("span", { dir: "auto" }, ...toolWords(tool, this.hands)));
  }

  refresh() {
    // A line of a tool says the same for ever.
  }
}

/** @type {Record<string, string>} */
const SIGNS = { look_up: "search", read_story: "book", note: "edit", propose_story: "spark" };

/** @param {import("../chat.js").Tool} tool @param {Hands} hands @returns {(Node | string)[]} */
function toolWords(tool, hands) {
  const { args, result } = tool;
  const state = tool.error ? "failed" : tool.open ? "open" : "done";
  /** @param {unknown} value */
  const short = (value) => String(value ?? "").slice(0, 160);
  const words = tOr(`tool.${tool.tool}.${state}`, t(`tool.any.${state}`, { tool: tool.tool }))
    .replace(/\{(query|text|title)\}/, (_, name) => short(name === "title" ? result?.title : args[name]));
  const parts = [words, tool.error ? ` ${tool.error}` : ""];
  if (tool.tool === "read_story" && result?.session_id) return [...parts, " ", h("a", { href: `/s/${result.session_id}` }, t("tool.open"))];
  if (tool.tool === "note" && state === "done" && hands.project) return [...parts, " ", h("a", { href: `/project/${hands.project}` }, t("tool.bible"))];
  return parts;
}

/** A story that an agent proposes: it begins when the writer says so. */
class Proposal extends ToolLine {
  /** @param {Hands} hands @param {import("../chat.js").Tool} tool */
  constructor(hands, tool) {
    super(hands, tool);
    this.node = h("section.proposal", { data: { tool: tool.tool } });
  }

  /** @param {import("../chat.js").Tool} tool */
  draw(tool) {
    const told = JSON.stringify(tool);
    if (told === this._drawn) return;
    this._drawn = told;
    if (tool.error || tool.open) {
      put(this.node, h("p.tool", {}, icon("spark"), h("span", { dir: "auto" }, ...toolWords(tool, this.hands))));
      return;
    }
    const wanted = tool.result?.proposal ?? tool.args;
    const config = wanted.config ?? { pages: tool.args.pages };
    const template = this.hands.templates.find((one) => one.name === wanted.template);
    const id = `proposal-${tool.call_id}`;
    this.node.setAttribute("aria-labelledby", id);
    this._foot = h("div.foot", {});
    this._trouble = h("p.trouble", { role: "alert", hidden: true });
    put(this.node,
      h("h2", { id }, wanted.title ? wanted.title : t("proposal.title")),
      h("p.meta", {}, h("span", {}, template ? template.title : translated(wanted.template ?? "")),
        config.pages ? h("span", {}, t("proposal.pages", { count: config.pages })) : null,
        config.protagonist ? h("span", { dir: "auto" }, t("proposal.protagonist", { name: config.protagonist })) : null),
      h("p.wish", { dir: "auto" }, wanted.prompt ?? ""), this._trouble, this._foot);
    this._wanted = wanted;
    this._call = tool.call_id;
    this._toldFoot = undefined;
    this.refresh();
  }

  refresh() {
    if (!this._foot || !this._call) return;
    const story = this.hands.story(this._call);
    const told = JSON.stringify(story ?? this.hands.mayWrite);
    if (told === this._toldFoot) return;
    this._toldFoot = told;
    const focused = this._foot.contains(document.activeElement);
    put(this._foot, ...(story ? storyFoot(story) : [this._button()]));
    if (focused) /** @type {HTMLElement | null} */ (this._foot.querySelector("a, button"))?.focus({ preventScroll: true });
  }

  _button() {
    if (!this.hands.mayWrite) return h("p.hint", {}, t("proposal.notYours"));
    const button = h("button.button.primary", { type: "button", on: { click: async () => {
      button.disabled = true;
      show(this._trouble, false);
      try {
        await this.hands.begin(this._wanted, this._call ?? "");
      } catch (error) {
        say(this._trouble, /** @type {Error} */ (error).message);
        show(this._trouble, true);
      } finally {
        button.disabled = false;
      }
    } } }, icon("spark"), t("proposal.begin"));
    return button;
  }
}

/** How a story goes that was begun here. @param {any} story @returns {Node[]} */
function storyFoot(story) {
  return [
    h("p.meta", { role: "status" },
      h("span.status", { data: { status: story.status } }, statusName(story.status)),
      story.words ? h("span", {}, t("words", { count: story.words })) : null),
    h("a.button", { href: `/s/${story.session_id}` }, icon("book"), h("span", { dir: "auto" }, t("proposal.open", { title: story.title }))),
  ];
}
