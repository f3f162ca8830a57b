// @ts-check
/** The stories and chats of a project, all members' alike. */

import { h, put, show } from "../dom.js";
import { Refusal } from "../rest.js";
import { t } from "../t.js";
import { chatRows } from "./chat-list.js";
import { storyList } from "./stories.js";

const PAGE = 10;

/** @param {import("../views/project.js").ProjectView} view */
export function workPanel(view) {
  const { context, id } = view;
  const empty = h("div.nothing", { hidden: true }, h("p", {}, t("project.empty")));
  const stories = part(t("project.stories"), async (limit) => {
    const found = await context.api("GET", "/v1/sessions", { query: { project_id: id, kind: "story", limit: 1 } });
    const listed = await pages(limit, (query) => context.api("GET", "/sessions", { query: { project_id: id, kind: "story", ...query } }), "items");
    return { items: listed, total: found.total, node: (items) => storyList(context, items, view.templates).node };
  });
  const chats = part(t("chats"), async (limit) => {
    let total = 0;
    const listed = await pages(limit, async (query) => {
      const found = await context.api("GET", "/v1/sessions", { query: { project_id: id, kind: "chat", ...query } });
      ({ total } = found);
      return found;
    }, "sessions");
    return { items: listed, total, node: (items) => chatRows(context, items, null) };
  });
  return {
    node: h("div", {}, empty, stories.node, chats.node),
    /** @param {{quiet?: boolean}} [how] */
    async load(how = {}) {
      try {
        const counts = await Promise.all([stories.load(), chats.load()]);
        show(empty, counts[0] + counts[1] === 0);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        if (!how.quiet) context.tell(error);
      }
    },
  };
}

/**
 * @param {number} most @param {(query: {limit: number, cursor: string | null}) => Promise<any>} ask @param {string} items
 * @returns {Promise<any[]>}
 */
async function pages(most, ask, items) {
  /** @type {any[]} */
  const found = [];
  let cursor = null;
  do {
    const page = await ask({ limit: PAGE, cursor });
    found.push(...page[items]);
    cursor = page.next_cursor;
  } while (cursor && found.length < most);
  return found;
}

/**
 * @param {string} title
 * @param {(limit: number) => Promise<{items: any[], total: number, node: (items: any[]) => HTMLElement}>} ask
 */
function part(title, ask) {
  let limit = PAGE;
  let told = "";
  const heading = h("h2", {});
  const list = h("div", {});
  const more = h("button.button.small", { type: "button", hidden: true, on: { click: () => {
    limit += PAGE;
    load();
  } } }, t("dashboard.more"));
  const node = h("section.part", { hidden: true }, heading, list, h("p.more-row", {}, more));
  async function load() {
    const { items, total, node: made } = await ask(limit);
    const now = JSON.stringify([items, total]);
    if (now === told) return total;
    told = now;
    put(heading, title, " ", h("span.hint", {}, String(total)));
    const focused = list.contains(document.activeElement) ? document.activeElement?.getAttribute("href") : null;
    put(list, made(items));
    if (focused) /** @type {HTMLElement | null} */ (list.querySelector(`a[href="${focused}"]`))?.focus();
    show(node, total > 0);
    show(more, items.length < total);
    return total;
  }
  return { node, load };
}
