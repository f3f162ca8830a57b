// @ts-check
import { h, icon, put } from "../dom.js";
import { t } from "../t.js";

/** A button that copies `text`. @param {string | (() => Promise<string>)} text or how to come by it @param {string} label @param {string} [shown] words on it */
export function copyButton(text, label, shown) {
  const words = shown ? h("span", {}, shown) : null;
  const button = h(shown ? "button.button.small" : "button.icon-button", { type: "button", "aria-label": shown ? null : label, title: label, on: {
    click: async () => {
      await copy(typeof text === "string" ? text : await text());
      put(button, icon("check"), h("span", { class: shown ? null : "visually-hidden", role: "status" }, t("copied")));
      setTimeout(() => put(button, icon("copy"), words), 2000);
    },
  } }, icon("copy"), words);
  return button;
}

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without HTTPS, or without leave: the older way.
    const area = h("textarea.visually-hidden", { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}
