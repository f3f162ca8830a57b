// @ts-check
/** All of a writer's chats, newest first. */

import { h, put, say, show } from "../dom.js";
import { forget } from "../outbox.js";
import { chatRows } from "../parts/chat-list.js";
import { renameDialog } from "../parts/rename.js";
import { forgetDraft } from "../parts/say-box.js";
import { t } from "../t.js";

const PAGE = 20;
const REFRESH_MS = 5000;
const TYPED_MS = 250;

/** @param {import("../main.js").Context} context */
export async function view(context) {
  let pages = 1;
  let typed = 0;
  let asked = 0;
  let shown = "";
  const search = h("input", { id: "q", type: "search", maxlength: 200, placeholder: t("chats.search"), dir: "auto", on: { input: () => {
    clearTimeout(typed);
    typed = setTimeout(() => {
      pages = 1;
      load().catch((error) => context.tell(error));
    }, TYPED_MS);
  } } });
  const list = h("div", {});
  const empty = h("div.nothing", { hidden: true });
  const count = h("p.hint", { role: "status" });
  const more = h("button.button", { type: "button", hidden: true, on: { click: () => {
    pages += 1;
    load().catch((error) => context.tell(error));
  } } }, t("dashboard.more"));

  async function load() {
    const mine = ++asked;
    const q = search.value.trim();
    /** @type {any[]} */
    const chats = [];
    let total = 0;
    let cursor = null;
    for (let page = 0; page < pages && (page === 0 || cursor) && context.signin.known; page += 1) {
      const found = await context.api("GET", "/v1/sessions", { query: { kind: "chat", q, limit: PAGE, cursor } });
      chats.push(...found.sessions);
      ({ total } = found);
      cursor = found.next_cursor;
    }
    // What was asked for first may be answered last.
    if (mine !== asked) return;
    const told = JSON.stringify(chats);
    show(more, cursor !== null);
    show(empty, chats.length === 0);
    put(empty, h("p", {}, t(q ? "chats.noneFound" : "chats.none")), q ? null : h("p", {}, h("a.button.primary", { href: "/chat" }, t("chat.new"))));
    say(count, chats.length ? t("chats.count", { count: total }) : "");
    if (told === shown) return;
    shown = told;
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.closest("[data-session]")?.getAttribute("data-session");
    put(list, chatRows(context, chats, { rename, remove }));
    if (focused) /** @type {HTMLElement | null} */ (list.querySelector(`[data-session="${focused}"] a`))?.focus();
  }

  /** @param {any} chat */
  function rename(chat) {
    renameDialog(context, chat.session_id, chat.title, () => load().catch(() => null));
  }

  /** @param {any} chat @param {HTMLElement} row */
  async function remove(chat, row) {
    if (!(await context.ask(t("chat.delete.title"), t("chat.delete.of", { title: chat.title }), t("delete"), { danger: true }))) return;
    try {
      await context.api("DELETE", `/v1/sessions/${chat.session_id}`);
    } catch (error) {
      context.tell(error);
      return;
    }
    forget(chat.session_id);
    forgetDraft(chat.session_id);
    const next = /** @type {HTMLElement | null} */ (row.nextElementSibling ?? row.previousElementSibling);
    row.remove();
    (next?.querySelector("a") ?? search).focus();
    context.toast(t("delete.done", { title: chat.title }));
    await load().catch(() => null);
  }

  await load();
  const refresh = setInterval(() => document.hidden || load().catch(() => null), REFRESH_MS);
  const focus = h("h1", { tabindex: -1 }, t("chats"));
  return {
    title: t("chats"),
    focus,
    node: h("section.dashboard", {}, focus,
      h("form.filters.two", { role: "search", on: { submit: (/** @type {Event} */ event) => event.preventDefault() } },
        h("label.visually-hidden", { for: "q" }, t("chats.search")), search,
        h("a.button.primary", { href: "/chat" }, t("chat.new"))),
      count, list, empty, h("p.more-row", {}, more)),
    end: () => {
      clearInterval(refresh);
      clearTimeout(typed);
    },
  };
}
