// @ts-check
/** Reads a text aloud, where the browser can. */

import { h, icon, put } from "../dom.js";
import { paragraphs } from "../markdown.js";
import { t } from "../t.js";

/** Whose button says that it is being read. @type {(() => void) | null} */
let ended = null;

/** A button that reads and, while it does, stops. Null where nothing can be read. @param {() => string} text */
export function aloudButton(text) {
  if (typeof speechSynthesis === "undefined" || typeof SpeechSynthesisUtterance === "undefined") return null;
  const button = h("button.icon-button", { type: "button", on: { click: () => (button.dataset.on ? hush() : read()) } });
  /** @param {boolean} on */
  const draw = (on) => {
    if (on) button.dataset.on = "on";
    else delete button.dataset.on;
    const words = t(on ? "aloud.stop" : "aloud");
    button.setAttribute("aria-label", words);
    button.title = words;
    put(button, icon(on ? "stop" : "sound"));
  };
  const read = () => {
    hush();
    const over = () => {
      if (ended === over) ended = null;
      draw(false);
    };
    ended = over;
    draw(true);
    // Some browsers fall silent in the middle of a long one.
    const parts = paragraphs(text());
    parts.forEach((part, index) => {
      const utterance = new SpeechSynthesisUtterance(part.replace(/[*_`#>]+/g, " "));
      if (index === parts.length - 1) utterance.onend = utterance.onerror = () => ended === over && over();
      speechSynthesis.speak(utterance);
    });
    if (!parts.length) over();
  };
  draw(false);
  return button;
}

/** Nothing is read any more. */
export function hush() {
  const over = ended;
  ended = null;
  over?.();
  if (typeof speechSynthesis !== "undefined") speechSynthesis.cancel();
}
