// @ts-check
/** Where a writer takes part: a note for the steps to come, an answer at a gate, or what can be done with a story that stopped. */

import { h, icon, put } from "../dom.js";
import { money, t } from "../t.js";
import { openDialog } from "./dialogs.js";

const NOTE_CHARACTERS = 4000;

export class Composer {
  /** @param {any} view */
  constructor(view) {
    this.view = view;
    this.node = h("div.composer", {});
  }

  /** @param {import("../state.js").State} state */
  draw(state) {
    const told = [state.status, state.approval?.step, spent(state), state.pausing].join();
    if (this._told === told) return;
    this._told = told;
    put(this.node, ...this._content(state));
  }

  /** @param {import("../state.js").State} state @returns {(Node | null)[]} */
  _content(state) {
    if (state.status === "awaiting_approval" && state.approval) return [this._gate(state.approval)];
    if (state.status === "active") return [this._note(false)];
    if (state.status === "paused" && !spent(state)) return [this._note(true)];
    if (state.status === "paused" || state.status === "failed" || state.status === "expired") {
      return [h("div.stopped", { role: "status" },
        h("p", { dir: "auto" }, state.error?.message ?? (spent(state) ? t("error.budget_exceeded") : t(`stopped.${state.status}`))),
        spent(state)
          ? h("button.button.primary", { type: "button", on: { click: () => this.resume() } }, t("budget.raise"))
          : null)];
    }
    return [];
  }

  /** @param {boolean} paused */
  _note(paused) {
    const box = h("textarea", { rows: 1, maxlength: NOTE_CHARACTERS, dir: "auto", id: "note", placeholder: t("note.placeholder"), value: this._kept ?? "", on: {
      input: () => grow(box),
      keydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
      },
    } });
    const button = h("button.button.primary", { type: "submit" }, icon("send"), h("span", {}, t("note.send")));
    const send = async () => {
      const text = box.value.trim();
      if (!text || button.disabled) return;
      button.disabled = true;
      const done = await this.view.act("steer", { text });
      button.disabled = false;
      if (!done) return;
      box.value = "";
      grow(box);
      this.view.context.toast(t("note.sent"));
      box.focus();
    };
    return h("form.note", { on: { submit: (/** @type {Event} */ event) => {
      event.preventDefault();
      send();
    } } }, h("label.visually-hidden", { for: "note" }, t("note.label")), box, button,
      paused ? h("p.hint", {}, t("note.paused")) : null);
  }

  /** @param {any} approval */
  _gate(approval) {
    const kind = /^approve-(\w+)/.exec(approval.step)?.[1] ?? "draft";
    const box = h("textarea", { id: "comment", rows: 2, maxlength: NOTE_CHARACTERS, dir: "auto" });
    const buttons = h("div.buttons", {});
    /** @param {boolean} approved */
    const answer = async (approved) => {
      for (const button of buttons.children) button.disabled = true;
      const comment = box.value.trim() || undefined;
      const done = await this.view.act("approve", { step: approval.step, approved, comment });
      if (!done) for (const button of buttons.children) button.disabled = false;
    };
    put(buttons,
      h("button.button.primary", { type: "button", on: { click: () => answer(true) } }, icon("check"), t("gate.approve")),
      h("button.button", { type: "button", on: { click: () => answer(false) } }, t("gate.reject")));
    return h("section.gate", { "aria-labelledby": "gate-title" },
      h("h2", { id: "gate-title" }, t(`gate.${kind}`)),
      h("label", { for: "comment" }, t("gate.comment")), box, buttons);
  }

  /** Goes on; where the budget is used up, with another. */
  resume() {
    const { context, state } = this.view;
    if (!spent(state)) {
      this.view.act("resume");
      return;
    }
    const config = state.session.config;
    const tokens = h("input", { type: "number", id: "more-tokens", min: 1, step: 1, value: config.budget?.tokens ? Math.ceil(state.tokens * 2) : "" });
    const usd = h("input", { type: "number", id: "more-usd", min: 0.01, step: 0.01, value: config.budget?.usd ? (state.cost_usd * 2).toFixed(2) : "" });
    openDialog(t("budget.raise"), (close) => [
      h("p", {}, t("budget.used", { tokens: state.tokens, cost: money(state.cost_usd) })),
      h("form", { on: { submit: async (/** @type {Event} */ event) => {
        event.preventDefault();
        const budget = { ...(tokens.value ? { tokens: Number(tokens.value) } : {}), ...(usd.value ? { usd: Number(usd.value) } : {}) };
        try {
          await context.api("PATCH", `/sessions/${this.view.id}`, { body: { budget: Object.keys(budget).length ? budget : null } });
        } catch (error) {
          context.tell(error);
          return;
        }
        close();
        await this.view.act("resume");
      } } },
        h("div.fields", {},
          h("div.field", {}, h("label", { for: "more-tokens" }, t("budget.tokens")), tokens),
          h("div.field", {}, h("label", { for: "more-usd" }, t("budget.usd")), usd)),
        h("p.hint", {}, t("budget.none")),
        h("div.buttons", {}, h("button.button.primary", { type: "submit" }, t("resume")))),
    ]);
  }
}

/** @param {import("../state.js").State} state */
const spent = (state) => [state.error?.code, state.reason].includes("budget_exceeded");

/** @param {HTMLTextAreaElement} box */
function grow(box) {
  box.rows = Math.min(6, box.value.split("\n").length + Math.floor(box.value.length / 80));
}
