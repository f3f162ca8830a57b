// @ts-check
/** All of a writer's stories, newest activity first. */

import { h, put, say, show } from "../dom.js";
import { statusName } from "../cast.js";
import { storyList } from "../parts/stories.js";
import { t } from "../t.js";

const STATUSES = ["active", "awaiting_approval", "paused", "completed", "failed", "cancelled", "expired"];
const PAGE = 20;
const REFRESH_MS = 3000;
const TYPED_MS = 250;
const UNDO_MS = 7000;

/** @param {import("../main.js").Context} context */
export async function view(context) {
  const templates = await context.templates();
  /** @type {Set<string>} those that a person deleted a moment ago */
  const going = new Set();
  let cursor = /** @type {string | null} */ (null);
  let shown = /** @type {{rows: Map<string, (session: any) => void>} | null} */ (null);
  let pages = 1;
  let order = "";
  const search = h("input", { id: "q", type: "search", maxlength: 200, placeholder: t("dashboard.search"), dir: "auto", on: { input: () => later() } });
  const filter = h("select", { id: "status", on: { change: () => load() } },
    h("option", { value: "" }, t("dashboard.any")), ...STATUSES.map((status) => h("option", { value: status }, statusName(status))));
  const list = h("div", {});
  const empty = h("div.nothing", { hidden: true });
  const more = h("button.button", { type: "button", hidden: true, on: { click: () => {
    pages += 1;
    load();
  } } }, t("dashboard.more"));
  const count = h("p.visually-hidden", { role: "status" });
  let typed = 0;
  const later = () => {
    clearTimeout(typed);
    typed = setTimeout(() => load(), TYPED_MS);
  };

  /** @param {{quiet?: boolean}} [how] */
  async function load(how = {}) {
    const query = { q: search.value.trim(), status: filter.value, kind: "story", limit: PAGE };
    /** @type {any[]} */
    let items = [];
    cursor = null;
    for (let page = 0; page < pages; page += 1) {
      const found = context.signin.known
        ? await context.api("GET", "/sessions", { query: { ...query, cursor } }) : { items: [], next_cursor: null };
      items.push(...found.items);
      cursor = found.next_cursor;
      if (!cursor) break;
    }
    items = items.filter((one) => !going.has(one.id));
    const ids = items.map((one) => `${one.id} ${one.draft_version > 0}`).join();
    if (how.quiet && ids === order && shown) {
      for (const item of items) shown.rows.get(item.id)?.(item);
      return;
    }
    order = ids;
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.closest("[data-session]")?.getAttribute("data-session");
    const drawn = storyList(context, items, templates, { remove, changed: () => load({ quiet: true }) });
    shown = drawn;
    put(list, drawn.node);
    if (focused) /** @type {HTMLElement | null} */ (list.querySelector(`[data-session="${focused}"] a`))?.focus();
    show(more, cursor !== null);
    show(empty, items.length === 0);
    const asked = Boolean(query.q || query.status);
    put(empty, h("p", {}, asked ? t("dashboard.noneFound") : t("dashboard.none")),
      asked ? null : h("p", {}, h("a.button.primary", { href: "/" }, t("nav.new"))));
    say(count, t("dashboard.count", { count: items.length }));
  }

  /** Deleted when nobody has taken it back for some seconds. @param {any} session @param {HTMLElement} row */
  function remove(session, row) {
    going.add(session.id);
    const next = /** @type {HTMLElement | null} */ (row.nextElementSibling ?? row.previousElementSibling);
    row.remove();
    order = "";
    (next?.querySelector("a") ?? search).focus();
    context.toast(t("delete.done", { title: session.title }), {
      forMs: UNDO_MS,
      action: { words: t("undo"), take: () => {
        going.delete(session.id);
        load();
      } },
      then: async () => {
        try {
          await context.api("DELETE", `/sessions/${session.id}`);
        } catch (error) {
          context.tell(error);
        } finally {
          going.delete(session.id);
        }
      },
    });
  }

  const onFault = (/** @type {unknown} */ error) => context.tell(error);
  await load();
  const refresh = setInterval(() => {
    if (!document.hidden && context.signin.known) load({ quiet: true }).catch(() => null); // The next one may come through.
  }, REFRESH_MS);
  const focus = h("h1", { tabindex: -1 }, t("nav.dashboard"));
  return {
    title: t("nav.dashboard"),
    focus,
    node: h("section.dashboard", { on: { error: onFault } }, focus,
      h("form.filters", { role: "search", on: { submit: (/** @type {Event} */ event) => event.preventDefault() } },
        h("label.visually-hidden", { for: "q" }, t("dashboard.search")), search,
        h("label.visually-hidden", { for: "status" }, t("dashboard.status")), filter,
        h("a.button.primary", { href: "/" }, t("nav.new"))),
      count, list, empty, h("p.more-row", {}, more)),
    end: () => {
      clearInterval(refresh);
      clearTimeout(typed);
    },
  };
}
