// @ts-check
/** A passage that the writer has marked: other versions of it, to choose from. */

import { h, put, show } from "../dom.js";
import { t } from "../t.js";
import { openDialog } from "./dialogs.js";
import { render } from "../markdown.js";

const COUNT = 3;

/** @param {any} view */
export function passageTool(view) {
  const button = h("button.button.primary.passage-button", { type: "button", hidden: true, on: {
    // A press would otherwise take the mark away before the click comes.
    pointerdown: (/** @type {Event} */ event) => event.preventDefault(),
    click: () => marked && openAlternatives(view, marked),
  } }, t("passage.ask"));
  document.body.append(button);
  /** @type {{start: number, end: number, text: string} | null} */
  let marked = null;
  const look = () => {
    marked = view.current && view.state.status !== "active" ? passage(view.page.node, view.current.content) : null;
    show(button, marked !== null);
    if (!marked) return;
    const box = /** @type {Selection} */ (getSelection()).getRangeAt(0).getBoundingClientRect();
    const top = Math.min(Math.max(8, box.bottom + 8), innerHeight - 60);
    button.style.setProperty("--top", `${top}px`);
    button.style.setProperty("--left", `${Math.max(8, Math.min(box.left, innerWidth - 240))}px`);
  };
  document.addEventListener("selectionchange", look);
  addEventListener("scroll", look, { passive: true });
  addEventListener("resize", look);
  return {
    end() {
      document.removeEventListener("selectionchange", look);
      removeEventListener("scroll", look);
      removeEventListener("resize", look);
      button.remove();
    },
  };
}

/**
 * The source of what is marked: to the letter where that can be told, else the paragraphs that it touches.
 * @param {HTMLElement} page @param {string} content
 */
function passage(page, content) {
  const selection = getSelection();
  if (!selection || selection.isCollapsed || !selection.rangeCount) return null;
  const range = selection.getRangeAt(0);
  if (!page.contains(range.commonAncestorContainer)) return null;
  const text = range.toString().trim();
  if (!text) return null;
  const touched = [...page.querySelectorAll("[data-start]")].filter((node) => range.intersectsNode(node));
  if (!touched.length) return null;
  const first = place(touched[0], content);
  const last = place(/** @type {Element} */ (touched.at(-1)), content);
  if (!first || !last) return null;
  const whole = content.slice(first.start, last.end);
  const within = whole.indexOf(text);
  if (within !== -1 && whole.indexOf(text, within + 1) === -1) {
    return { start: first.start + within, end: first.start + within + text.length, text };
  }
  return { start: first.start, end: last.end, text: whole };
}

/** Where a block of the page is in the whole text. @param {Element} node @param {string} content */
function place(node, content) {
  const section = /** @type {HTMLElement | null} */ (node.closest("[data-section]"));
  if (!(node instanceof HTMLElement) || !section) return null;
  const at = Number(section.dataset.at ?? "-1");
  if (at < 0) return null;
  const start = at + Number(node.dataset.start);
  const end = at + Number(node.dataset.end);
  return end <= content.length ? { start, end } : null;
}

/** @param {any} view @param {{start: number, end: number, text: string}} marked */
function openAlternatives(view, marked) {
  const { context, id, current } = view;
  const wish = h("input", { id: "wish", maxlength: 1000, dir: "auto", required: true, autofocus: true, value: t("passage.default") });
  const submit = h("button.button.primary", { type: "submit" }, t("passage.write"));
  const results = h("div.alternatives", { "aria-live": "polite" });
  const quote = h("blockquote.passage", { dir: "auto" });
  quote.append(render(marked.text));
  /** @param {string} aid @param {() => void} close */
  const accept = async (aid, close) => {
    try {
      await context.api("POST", `/sessions/${id}/alternatives/${aid}/accept`);
      close();
      context.toast(t("passage.taken"));
    } catch (error) {
      context.tell(error);
    }
  };
  openDialog(t("passage.title"), (close) => [
    quote,
    h("form.row", { on: { submit: async (/** @type {Event} */ event) => {
      event.preventDefault();
      submit.disabled = true;
      put(results, h("p.hint", {}, t("passage.writing")));
      try {
        const told = await context.api("POST", `/sessions/${id}/rewrite`, {
          body: {
            version: current.version, start: codePoints(current.content, marked.start), end: codePoints(current.content, marked.end),
            instruction: wish.value.trim(), alternatives: COUNT,
          },
          waitMs: 180_000,
        });
        put(results, ...told.items.map((/** @type {any} */ one, /** @type {number} */ index) => {
          const text = h("div.prose.small", {});
          text.append(render(one.content));
          return h("section.alternative", { "aria-label": t("passage.number", { count: index + 1 }) }, text,
            h("button.button.small.primary", { type: "button", on: { click: () => accept(one.id, close) } }, t("passage.take")));
        }));
      } catch (error) {
        put(results);
        context.tell(error);
      } finally {
        submit.disabled = false;
      }
    } } },
      h("label", { for: "wish" }, t("passage.wish")), wish, submit),
    results,
  ], { wide: true });
}

/** The service counts code points. @param {string} text @param {number} units */
const codePoints = (text, units) => [...text.slice(0, units)].length;
