// @ts-check
/** Short notices, and questions in a dialog. */

import { h, icon, put } from "../dom.js";
import { t } from "../t.js";

const SHOWN_MS = 6000;

/**
 * A notice at the edge of the page. An `action` can be taken while it is shown; where nobody takes it, `then` is done.
 * @param {string} message
 * @param {{bad?: boolean, action?: {words: string, take: () => void}, then?: () => void, forMs?: number}} [options]
 */
export function toast(message, options = {}) {
  const region = /** @type {HTMLElement} */ (document.getElementById("toasts"));
  let settled = false;
  const end = (/** @type {boolean} */ taken) => {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    removeEventListener("pagehide", leave);
    node.remove();
    if (taken) options.action?.take();
    else options.then?.();
  };
  const leave = () => end(false);
  const node = h("div.toast", { role: options.bad ? "alert" : "status", class: options.bad ? "toast bad" : "toast" },
    h("span", { dir: "auto" }, message),
    options.action ? h("button.link", { type: "button", on: { click: () => end(true) } }, options.action.words) : null,
    h("button.icon-button", { type: "button", "aria-label": t("close"), on: { click: leave } }, icon("close")));
  region.append(node);
  lift();
  const timer = setTimeout(leave, options.forMs ?? (options.bad ? 2 * SHOWN_MS : SHOWN_MS));
  addEventListener("pagehide", leave);
  return leave;
}

/** What stands outside of an open dialog can't be used: the notices go into it, and come out with its end. */
function lift() {
  const region = /** @type {HTMLElement} */ (document.getElementById("toasts"));
  const place = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body;
  if (region.parentElement !== place) place.append(region);
}

/**
 * A dialog; closed by its buttons, Escape, or the returned function. The browser keeps the focus within it and gives
 * it back.
 * @param {string} title @param {(close: () => void) => (Node | null)[]} content @param {{wide?: boolean, closed?: () => void}} [options]
 */
export function openDialog(title, content, options = {}) {
  const heading = `dialog-${Math.random().toString(36).slice(2)}`;
  const dialog = /** @type {HTMLDialogElement} */ (
    h("dialog", { "aria-labelledby": heading, class: options.wide ? "wide" : null }));
  const close = () => dialog.close();
  dialog.addEventListener("close", () => {
    lift();
    dialog.remove();
    options.closed?.();
  });
  put(dialog,
    h("header", {}, h("h2", { id: heading }, title),
      h("button.icon-button", { type: "button", "aria-label": t("close"), on: { click: close } }, icon("close"))),
    ...content(close));
  document.body.append(dialog);
  dialog.showModal();
  lift();
  return close;
}

/** @param {string} title @param {string} message @param {string} yes @param {{danger?: boolean}} [options] @returns {Promise<boolean>} */
export function askDialog(title, message, yes, options = {}) {
  return new Promise((answer) => {
    let said = false;
    openDialog(title, (close) => [
      h("p", {}, message),
      h("div.buttons", {},
        h("button.button", { type: "button", on: { click: close } }, t("no")),
        h(options.danger ? "button.button.danger" : "button.button.primary", { type: "button", on: { click: () => {
          said = true;
          close();
        } } }, yes)),
    ], { closed: () => answer(said) });
  });
}
