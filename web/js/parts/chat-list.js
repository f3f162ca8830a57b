// @ts-check
/** A writer's chats: a short list beside a talk, and rows of a longer one. */

import { agentName } from "../cast.js";
import { h, icon, put } from "../dom.js";
import { unsent } from "../outbox.js";
import { ago, t } from "../t.js";

const NEWEST = 25;
const STALE_MS = 1500;

/** The newest chats, of which one is open. @param {import("../main.js").Context} context @param {string | null} current @param {string} [project] */
export function sideList(context, current, project) {
  const list = h("ul", {});
  const start = project ? `/chat?project=${project}` : "/chat";
  const node = h("nav.side-list", { "aria-label": t("chats") },
    h("a.button", { href: start }, icon("plus"), t("chat.new")), list, h("a.quiet", { href: "/chats" }, t("chats.all")));
  let ended = false;
  let planned = 0;
  async function load() {
    planned = 0;
    if (ended || !context.signin.known || getComputedStyle(node).display === "none") return;
    try {
      const found = await context.api("GET", "/v1/sessions", { query: { kind: "chat", limit: NEWEST } });
      put(list, ...found.sessions.map((/** @type {any} */ one) => h("li", {},
        h("a", { href: `/chat/${one.session_id}`, dir: "auto", "aria-current": one.session_id === current ? "page" : null }, one.title))));
    } catch {
      // The talk is there without the list.
    }
  }
  setTimeout(load);
  return {
    node,
    stale() {
      planned ||= setTimeout(load, STALE_MS);
    },
    end() {
      ended = true;
      clearTimeout(planned);
    },
  };
}

/**
 * @param {import("../main.js").Context} context @param {any[]} chats
 * @param {{rename: (chat: any, row: HTMLElement) => void, remove: (chat: any, row: HTMLElement) => void} | null} actions
 */
export function chatRows(context, chats, actions) {
  const waiting = unsent(context.signin.tokens?.user_id);
  return h("ul.stories.chats", {}, ...chats.map((chat) => {
    const row = h("li.story", { data: { session: chat.session_id } },
      h("div.about", {},
        h("a.name", { href: `/chat/${chat.session_id}`, dir: "auto" }, chat.title),
        chat.preview ? h("p.preview", { dir: "auto" }, chat.preview) : null,
        h("p.meta", {},
          chat.status === "active" ? h("span.status", { data: { status: "active" } }, t("chat.answering")) : null,
          waiting.has(chat.session_id) ? h("span.status", { data: { status: "awaiting_approval" } }, t("chats.unsent")) : null,
          h("span", {}, agentName(chat.template)), h("span", {}, t("chats.messages", { count: chat.message_count })),
          h("span", {}, ago(chat.last_message_at)))),
      actions ? h("div.buttons", {},
        h("button.icon-button", { type: "button", "aria-label": t("rename.of", { title: chat.title }), title: t("rename"), on: { click: () => actions.rename(chat, row) } }, icon("edit")),
        h("button.icon-button", { type: "button", "aria-label": t("delete.of", { title: chat.title }), title: t("delete"), on: { click: () => actions.remove(chat, row) } }, icon("trash"))) : null);
    return row;
  }));
}
