// @ts-check
/** All versions of the text: what made each, how it was judged, and what is different between two. */

import { agentName, stepName } from "../cast.js";
import { h, put } from "../dom.js";
import { render } from "../markdown.js";
import { ago, number, t } from "../t.js";
import { openDialog } from "./dialogs.js";
import { openFork } from "./fork.js";

/** All versions without their text, oldest first. @param {import("../main.js").Context} context @param {string} id */
async function allDrafts(context, id) {
  /** @type {any[]} */
  const drafts = [];
  let cursor = null;
  do {
    const found = await context.api("GET", `/sessions/${id}/drafts`, { query: { content: false, limit: 100, cursor } });
    drafts.push(...found.items);
    cursor = found.next_cursor;
  } while (cursor);
  return drafts;
}

/**
 * What a panel shows of all versions, asked for once somebody looks at it.
 * @param {any} view @param {"versions" | "scores"} name @param {(drafts: any[]) => Node[]} content none where there is nothing to show
 */
export function draftsPanel(view, name, content) {
  const none = h("p.hint", {}, t(`${name}.none`));
  const node = h(`div.${name}`, {}, none);
  let loaded = false;
  return {
    node,
    stale() {
      loaded = false;
    },
    async load() {
      if (loaded) return;
      loaded = true;
      try {
        const nodes = content(await allDrafts(view.context, view.id));
        put(node, nodes.length ? nodes : none);
      } catch (error) {
        loaded = false;
        view.context.tell(error);
      }
    },
  };
}

/** @param {Record<string, number> | null | undefined} scores */
export const mean = (scores) => {
  const all = Object.values(scores ?? {});
  return all.length ? all.reduce((sum, one) => sum + one, 0) / all.length : null;
};

/** @param {any} view */
export const versionsPanel = (view) => draftsPanel(view, "versions", (drafts) => (drafts.length ? [list(view, drafts)] : []));

/** @param {any} view @param {any[]} drafts */
function list(view, drafts) {
  return h("ol.version-list", { reversed: true }, ...[...drafts].reverse().map((draft) => {
    const before = drafts.find((one) => one.version === draft.version - 1);
    const score = mean(draft.scores);
    return h("li", { data: { current: draft.current } },
      h("p.head", {}, h("strong", {}, t("version", { version: draft.version })),
        draft.current ? h("span.tag", {}, t("version.current")) : null,
        score === null ? null : h("span.score", { title: t("scores.mean") }, number(score, { maximumFractionDigits: 1 }))),
      h("p.hint", {}, [draft.author === "writer" && !draft.step ? t("you") : draft.step ? stepName(draft.step) : agentName(draft.author),
        t("words", { count: draft.word_count }), ago(draft.created_at)].join(" · ")),
      h("div.buttons", {},
        h("button.button.small", { type: "button", on: { click: () => read(view, draft.version) } }, t("read"), h("span.visually-hidden", {}, ` ${t("version", { version: draft.version })}`)),
        before ? h("button.button.small", { type: "button", on: { click: () => compare(view, before, draft) } }, t("version.diff", { version: before.version })) : null,
        h("button.button.small", { type: "button", on: { click: () => openFork(view, draft.version) } }, t("fork"), h("span.visually-hidden", {}, ` ${t("version", { version: draft.version })}`))));
  }));
}

/** @param {any} view @param {number} version */
async function read(view, version) {
  try {
    const text = h("div.prose", {});
    text.append(render((await view.draft(version)).content));
    openDialog(t("version", { version }), () => [text], { wide: true });
  } catch (error) {
    view.context.tell(error);
  }
}

/** @param {any} view @param {any} before @param {any} after */
async function compare(view, before, after) {
  try {
    const told = await view.context.api("GET", `/sessions/${view.id}/drafts/${before.version}/diff/${after.version}`);
    openDialog(t("diff.title", { from: before.version, to: after.version }), () => [diffNode(told.blocks)], { wide: true });
  } catch (error) {
    view.context.tell(error);
  }
}

/** @param {any[]} blocks as the service tells them */
export function diffNode(blocks) {
  if (blocks.every((block) => block.op === "equal")) return h("p.hint", {}, t("diff.none"));
  return h("div.diff", {}, ...blocks.map((block) => {
    if (block.op === "equal") {
      const paragraphs = block.to_text.split(/\n+/).filter((/** @type {string} */ one) => one.trim());
      if (paragraphs.length <= 3) return paragraphs.map((/** @type {string} */ one) => h("p", { dir: "auto" }, one));
      return [h("p", { dir: "auto" }, paragraphs[0]),
        h("details", {}, h("summary", {}, t("diff.same", { count: paragraphs.length - 2 })), ...paragraphs.slice(1, -1).map((/** @type {string} */ one) => h("p", { dir: "auto" }, one))),
        h("p", { dir: "auto" }, paragraphs.at(-1))];
    }
    if (block.op === "replace" && block.changes) return h("p", { dir: "auto" }, ...block.changes.flatMap(changed));
    return [block.from_text, block.to_text].flatMap((text, index) =>
      text.split(/\n+/).filter((/** @type {string} */ one) => one.trim()).map((/** @type {string} */ one) =>
        h("p", { dir: "auto" }, h(index ? "ins" : "del", {}, one))));
  }).flat());
}

/** @param {any} change */
function changed(change) {
  if (change.op === "equal") return [change.to_text];
  return [change.from_text ? h("del", {}, change.from_text) : null, change.to_text ? h("ins", {}, change.to_text) : null];
}
