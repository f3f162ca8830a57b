// @ts-check
import { h } from "../dom.js";
import { t } from "../t.js";
import { openDialog } from "./dialogs.js";

/** @param {import("../main.js").Context} context @param {string} id @param {string} title @param {(title: string) => void} [done] */
export function renameDialog(context, id, title, done) {
  const box = h("input", { id: "new-title", value: title, maxlength: 200, required: true, dir: "auto", autofocus: true });
  openDialog(t("rename"), (close) => [
    h("form", { on: { submit: async (/** @type {Event} */ event) => {
      event.preventDefault();
      try {
        await context.api("PATCH", `/sessions/${id}`, { body: { title: box.value.trim() } });
      } catch (error) {
        context.tell(error);
        return;
      }
      close();
      done?.(box.value.trim());
    } } },
      h("div.field", {}, h("label", { for: "new-title" }, t("rename.label")), box),
      h("div.buttons", {}, h("button.button.primary", { type: "submit" }, t("save")))),
  ]);
}
