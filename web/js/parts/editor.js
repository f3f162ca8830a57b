// @ts-check
/** The whole text, to change by hand. What is typed is kept in this browser until it is saved. */

import { h, say } from "../dom.js";
import { keep, recall } from "../kept.js";
import { words } from "../reading.js";
import { t } from "../t.js";
import { openDialog } from "./dialogs.js";

/** @param {any} view */
export async function openEditor(view) {
  const { context, id } = view;
  const version = view.state.draft?.version;
  let draft;
  try {
    draft = await view.draft(version);
  } catch (error) {
    context.tell(error);
    return;
  }
  const name = `edit.${id}`;
  const before = recall(name);
  const text = before?.version === version ? before.text : draft.content;
  const count = h("p.hint", {});
  const box = h("textarea.editor", { id: "edit-text", dir: "auto", value: text, spellcheck: true, on: { input: () => changed() } });
  const changed = () => {
    keep(name, box.value === draft.content ? null : { version, text: box.value });
    say(count, t("edit.count", { count: words(box.value) }));
  };
  changed();
  openDialog(t("edit.title"), (close) => [
    h("form", { on: { submit: async (/** @type {Event} */ event) => {
      event.preventDefault();
      if (box.value === draft.content) {
        close();
        return;
      }
      try {
        await context.api("PUT", `/sessions/${id}/drafts`, { body: { content: box.value, base_version: version } });
      } catch (error) {
        context.tell(error);
        return;
      }
      keep(name, null);
      close();
      context.toast(t("edit.saved"));
    } } },
      h("label.visually-hidden", { for: "edit-text" }, t("edit.label")), box, count,
      h("div.buttons", {},
        h("button.button", { type: "button", on: { click: () => {
          keep(name, null);
          close();
        } } }, t("edit.discard")),
        h("button.button.primary", { type: "submit" }, t("edit.save")))),
  ], { wide: true });
}
