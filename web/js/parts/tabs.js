// @ts-check
import { h } from "../dom.js";

/**
 * Tabs as the ARIA pattern has them: arrows move, Tab goes on into the panel.
 * @param {string} label
 * @param {{id: string, words: string, panel: HTMLElement, opened?: () => void}[]} tabs_
 */
export function tabs(label, tabs_) {
  /** @type {HTMLButtonElement[]} */
  const buttons = tabs_.map((one) => h("button", {
    type: "button", role: "tab", id: `tab-${one.id}`, "aria-controls": `panel-${one.id}`, on: {
      click: () => choose(one.id),
      keydown: (/** @type {KeyboardEvent} */ event) => move(event, one.id),
    },
  }, one.words));
  const list = h("div.tabs", { role: "tablist", "aria-label": label }, ...buttons);
  const panels = tabs_.map((one) => {
    one.panel.id = `panel-${one.id}`;
    one.panel.setAttribute("role", "tabpanel");
    one.panel.setAttribute("aria-labelledby", `tab-${one.id}`);
    one.panel.tabIndex = 0;
    return one.panel;
  });
  let chosen = "";
  /** @param {string} id */
  function choose(id) {
    tabs_.forEach((one, index) => {
      const on = one.id === id;
      buttons[index].setAttribute("aria-selected", String(on));
      buttons[index].tabIndex = on ? 0 : -1;
      panels[index].hidden = !on;
      if (on && chosen !== id) one.opened?.();
    });
    chosen = id;
  }
  /** @param {KeyboardEvent} event @param {string} id */
  function move(event, id) {
    const at = tabs_.findIndex((one) => one.id === id);
    const back = document.documentElement.dir === "rtl" ? 1 : -1;
    const to = { ArrowRight: at - back, ArrowLeft: at + back, Home: 0, End: tabs_.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = (to + tabs_.length) % tabs_.length;
    choose(tabs_[next].id);
    buttons[next].focus();
  }
  choose(tabs_[0].id);
  /** To the panel that is shown. */
  const focus = () => panels.find((panel) => !panel.hidden)?.focus();
  return { list, panels, choose, focus, get chosen() { return chosen; } };
}
