// @ts-check
/** A list of sessions as cards. */

import { statusName, stepName } from "../cast.js";
import { h, icon, say } from "../dom.js";
import { ago, t } from "../t.js";
import { paint } from "../theme.js";
import { renameDialog } from "./rename.js";

/**
 * @param {import("../main.js").Context} context @param {any[]} sessions @param {any[]} templates
 * @param {{remove?: (session: any, row: HTMLElement) => void, changed?: () => void}} [actions]
 */
export function storyList(context, sessions, templates, actions = {}) {
  /** @type {Map<string, (session: any) => void>} */
  const rows = new Map();
  const node = h("ul.stories", {}, ...sessions.map((session) => {
    const template = templates.find((one) => one.name === session.template);
    const title = h("a.name", { href: `/s/${session.id}`, dir: "auto" }, session.title);
    const status = h("span.status", {});
    const what = h("span", {});
    const bar = h("span.thin", { "aria-hidden": "true" });
    const row = h("li.story", { data: { session: session.id } },
      h("div.about", {}, title, h("p.meta", {}, status, h("span", {}, template?.title ?? session.template), what), bar),
      actions.remove ? h("div.buttons", {},
        session.draft_version ? h("a.icon-button", { href: `/s/${session.id}/read`, "aria-label": t("read.of", { title: session.title }), title: t("read") }, icon("book")) : null,
        h("button.icon-button", { type: "button", "aria-label": t("rename.of", { title: session.title }), title: t("rename"), on: {
          click: () => renameDialog(context, session.id, title.textContent ?? "", (named) => {
            say(title, named);
            actions.changed?.();
          }),
        } }, icon("edit")),
        h("button.icon-button", { type: "button", "aria-label": t("delete.of", { title: session.title }), title: t("delete"), on: {
          click: () => actions.remove?.(session, row),
        } }, icon("trash"))) : null);
    paint(row, template?.theme.accent);
    /** @param {any} now */
    const draw = (now) => {
      say(title, now.title);
      status.dataset.status = now.status;
      say(status, statusName(now.status));
      const words = now.progress.words ? t("words", { count: now.progress.words }) : "";
      const running = now.status === "active" ? (now.queue_place ? t("session.queue", { count: now.queue_place }) : stepName(now.progress.current_step)) : "";
      say(what, [running, words, ago(now.last_activity_at)].filter(Boolean).join(" · "));
      bar.style.setProperty("--done", `${now.progress.percent}%`);
      bar.hidden = !["active", "paused", "awaiting_approval"].includes(now.status);
    };
    draw(session);
    rows.set(session.id, draw);
    return row;
  }));
  return { node, rows };
}
