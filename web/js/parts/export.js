// @ts-check
import { h, icon } from "../dom.js";
import { t } from "../t.js";

const FORMATS = ["epub", "pdf", "docx", "html", "md", "txt", "json"];

/** The file formats, behind one button. @param {import("../main.js").Context} context @param {string} id */
export function exportMenu(context, id) {
  const list = h("div.menu", {}, ...FORMATS.map((format) =>
    h("button", { type: "button", on: { click: () => save(format) } },
      h("strong", {}, format), h("span", {}, t(`export.${format}`)))));
  const summary = h("summary.button.small", { data: { action: "export" } }, icon("download"), t("export"));
  const details = h("details.menu-button", { on: {
    keydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape" || !details.open) return;
      details.open = false;
      summary.focus();
    },
    focusout: (/** @type {FocusEvent} */ event) => {
      if (event.relatedTarget && !details.contains(/** @type {Node} */ (event.relatedTarget))) details.open = false;
    },
    toggle: () => details.open ? document.addEventListener("click", outside) : document.removeEventListener("click", outside),
  } }, summary, list);
  /** @param {MouseEvent} event */
  const outside = (event) => {
    if (!details.contains(/** @type {Node} */ (event.target))) details.open = false;
  };
  /** @param {string} format */
  const save = async (format) => {
    details.open = false;
    summary.focus();
    const away = context.toast(t("export.making", { format }), { forMs: 60_000 });
    try {
      const { blob, name } = await context.api("GET", `/sessions/${id}/export`, { query: { format }, as: "blob", waitMs: 120_000 });
      const address = URL.createObjectURL(blob);
      const link = h("a", { href: address, download: name ?? `story.${format}` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    } catch (error) {
      context.tell(error);
    } finally {
      away();
    }
  };
  return details;
}
