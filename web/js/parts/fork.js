// @ts-check
import { h } from "../dom.js";
import { t } from "../t.js";
import { openDialog } from "./dialogs.js";

/** A new story that shares this one's past. @param {any} view @param {number | null} version */
export function openFork(view, version) {
  const { context, id } = view;
  const key = crypto.randomUUID();
  const prompt = h("textarea", { id: "fork-note", rows: 3, maxlength: 4000, dir: "auto" });
  openDialog(t("fork.title", { version: version ?? "" }), (close) => [
    h("p", {}, t("fork.about")),
    h("form", { on: { submit: async (/** @type {Event} */ event) => {
      event.preventDefault();
      try {
        const note = prompt.value.trim();
        const body = { ...(version ? { from_version: version } : {}), start: !note };
        const made = await context.api("POST", `/sessions/${id}/fork`, { body, key });
        if (note) {
          // The note is there before the first step is.
          await context.api("POST", `/sessions/${made.id}/steer`, { body: { text: note } });
          await context.api("POST", `/sessions/${made.id}/resume`);
        }
        close();
        context.go(`/s/${made.id}`);
      } catch (error) {
        context.tell(error);
      }
    } } },
      h("div.field", {}, h("label", { for: "fork-note" }, t("fork.note")), prompt),
      h("div.buttons", {}, h("button.button.primary", { type: "submit" }, t("fork.yes")))),
  ]);
}
