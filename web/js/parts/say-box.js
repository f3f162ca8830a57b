// @ts-check
/** Where a person says something in a chat. What is typed is kept in this browser until it is sent. */

import { h, icon, say, show } from "../dom.js";
import { keep, recall, whenChanged } from "../kept.js";
import { t } from "../t.js";

export const LONGEST = 20_000;
const NEAR = 18_000;
const LINES = 12;

export class SayBox {
  /**
   * @param {string} chat under which what is typed is kept
   * @param {{label: string, placeholder: string, send: (text: string) => boolean | void, stop?: () => void}} parts `send`
   *   answers false where the text is to stay in the box
   */
  constructor(chat, parts) {
    this._kept = `draft.${chat}`;
    this._parts = parts;
    this.box = h("textarea", { id: "say", rows: 1, dir: "auto", placeholder: parts.placeholder, enterkeyhint: "send", "aria-describedby": "say-hint", value: recall(this._kept) ?? "", on: {
      input: () => this._changed(),
      keydown: (/** @type {KeyboardEvent} */ event) => {
        // With an input method Enter ends the word; some browsers tell so by the code alone.
        if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
        event.preventDefault();
        this._send();
      },
    } });
    this._send_ = h("button.button.primary", { type: "submit", "aria-label": t("say.send"), title: t("say.send") }, icon("up"));
    this._stop = h("button.button", { type: "button", hidden: true, "aria-label": t("say.stop"), title: t("say.stop"), on: { click: () => {
      this.box.focus({ preventScroll: true });
      parts.stop?.();
    } } }, icon("stop"));
    this._count = h("p.hint", { role: "status" });
    this.node = h("form.note.say-box", { on: { submit: (/** @type {Event} */ event) => {
      event.preventDefault();
      this._send();
    } } }, h("label.visually-hidden", { for: "say" }, parts.label), this.box, this._stop, this._send_, this._count,
      h("p.visually-hidden", { id: "say-hint" }, t("say.hint")));
    // Another window of the same chat: what is typed there stands here as well, unless somebody types here.
    this._unwatch = whenChanged(this._kept, () => document.hasFocus() || this._set(recall(this._kept) ?? ""));
    this._grow();
  }

  end() {
    this._unwatch();
  }

  get text() {
    return this.box.value;
  }

  /** @param {boolean} writing whether an answer is under way, which can be stopped */
  answering(writing) {
    show(this._stop, writing);
  }

  /** Puts a text back: before what has been typed since. @param {string} text */
  giveBack(text) {
    const typed = this.box.value.trim();
    this._set(typed ? `${text}\n\n${typed}` : text);
    this._changed();
    this.box.focus();
  }

  /** @param {string} text */
  _set(text) {
    this.box.value = text;
    this._grow();
  }

  _changed() {
    keep(this._kept, this.box.value || null);
    this._grow();
  }

  _grow() {
    const { box } = this;
    box.rows = Math.min(LINES, Math.max(1, box.value.split("\n", LINES).length));
    // What is wrapped takes lines too.
    while (box.rows < LINES && box.scrollHeight > box.clientHeight + 4 && box.clientHeight > 0) box.rows += 1;
    const length = [...box.value].length;
    say(this._count, length > NEAR ? t("say.count", { count: length, most: LONGEST }) : "");
    show(this._count, length > NEAR);
    this._count.classList.toggle("over", length > LONGEST);
    this._send_.disabled = length > LONGEST;
  }

  _send() {
    const text = this.box.value.trim();
    if (!text || this._send_.disabled || this._parts.send(text) === false) return;
    keep(this._kept, null);
    this._set("");
    this.box.focus({ preventScroll: true });
  }
}

/** What was typed in one place goes on in another. @param {string} from @param {string} to */
export function moveDraft(from, to) {
  const text = recall(`draft.${from}`);
  if (text) keep(`draft.${to}`, text);
  keep(`draft.${from}`, null);
}

/** @param {string} chat */
export const forgetDraft = (chat) => keep(`draft.${chat}`, null);
