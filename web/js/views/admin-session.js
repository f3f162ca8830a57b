// @ts-check
/** One session whole, for an admin: what ran when, what was said, written and used, and how to end it. */

import { agentName, statusName, stepName } from "../cast.js";
import { h, put } from "../dom.js";
import { render } from "../markdown.js";
import { timeline } from "../parts/charts.js";
import { openDialog } from "../parts/dialogs.js";
import { usageTable } from "../parts/steps.js";
import { tabs } from "../parts/tabs.js";
import { messageNode } from "../parts/talk.js";
import { diffNode, mean } from "../parts/versions.js";
import { dateTime, money, number, t } from "../t.js";
import { auditTable } from "./admin.js";

const OVER = ["completed", "cancelled"];

/** @param {import("../main.js").Context} context @param {string} id */
export async function view(context, id) {
  const [told, templates] = await Promise.all([context.api("GET", `/admin/sessions/${id}`), context.templates()]);
  const { session } = told;
  const template = templates.find((one) => one.name === session.template);
  const again = () => context.go(`/admin/s/${id}`, { replace: true });
  const focus = h("h1", { tabindex: -1, dir: "auto" }, session.title);
  /** @param {string} words @param {(Node | string)} value */
  const fact = (words, value) => [h("div", {}, h("dt", {}, words), h("dd", {}, value))];
  const panels = tabs(session.title, [
    { id: "timeline", words: t("admin.timeline"), panel: h("div", {}, timeline(told.steps, (step) => `${stepName(step.step)} · ${agentName(step.agent)}${step.attempt > 1 ? ` · ×${step.attempt}` : ""}`),
      h("section.usage", {}, h("h2", {}, t("usage.title")), usageTable({ ...told.usage, usage_by_agent: told.usage.by_agent }))) },
    { id: "transcript", words: t("admin.transcript"), panel: h("div", {}, paged(context, `/sessions/${id}/messages`, told.messages, (list, items) => list.append(...items.map(messageNode)), h("ol.talk", {}))) },
    { id: "drafts", words: t("panel.versions"), panel: h("div", {}, drafts(context, id, told.drafts)) },
    { id: "events", words: t("admin.events"), panel: h("div", {}, paged(context, `/sessions/${id}/events`, told.events, (list, items) =>
      list.append(...items.map((one) => h("li", {}, h("code", {}, `${one.epoch}·${one.seq} ${one.type}`), " ", h("span.hint", {}, detail(one))))), h("ol.events", {}), "after_seq")) },
    { id: "session-audit", words: t("admin.audit"), panel: auditPanel(context, id) },
  ]);
  return {
    title: session.title, focus,
    node: h("article.admin", {},
      h("p", {}, h("a", { href: "/admin" }, t("admin.all"))), focus,
      h("p.meta", {}, h("span.status", { data: { status: session.status } }, statusName(session.status)), h("code", {}, id)),
      session.error ? h("p.trouble", { dir: "auto" }, `${session.error.code}: ${session.error.message}`) : null,
      h("blockquote.passage", { dir: "auto" }, session.prompt),
      h("dl.facts.grid", {},
        ...fact(t("account.id"), h("code", {}, session.user_id)), ...fact(t("start.template"), template?.title ?? agentName(session.template)), ...fact(t("start.model"), session.model),
        ...fact(t("admin.node"), told.node ?? "–"), ...fact(t("admin.epoch"), String(session.epoch)), ...fact(t("usage.tokens"), number(told.usage.tokens)), ...fact(t("usage.cost"), money(told.usage.cost_usd)),
        ...fact(t("admin.created"), dateTime(session.created_at)), ...fact(t("admin.activity"), dateTime(session.last_activity_at)), ...fact(t("admin.expires"), session.expires_at ? dateTime(session.expires_at) : "–")),
      h("div.buttons", {},
        OVER.includes(session.status) ? null : h("button.button.danger", { type: "button", on: { click: () => end(context, id, "cancel", again) } }, t("cancel.yes")),
        [...OVER, "expired"].includes(session.status) ? null : h("button.button", { type: "button", on: { click: () => end(context, id, "expire", again) } }, t("admin.expire")),
        h("button.button", { type: "button", on: { click: () => remove(context, id) } }, t("admin.delete"))),
      panels.list, ...panels.panels),
  };
}

/** @param {any} event */
const detail = (event) => Object.entries(event).filter(([name]) => !["type", "epoch", "seq", "session_id", "at"].includes(name))
  .map(([name, value]) => `${name}=${typeof value === "object" ? JSON.stringify(value) : value}`).join(" ").slice(0, 180);

/** @param {import("../main.js").Context} context @param {string} id @param {"cancel" | "expire"} action @param {() => void} done */
function end(context, id, action, done) {
  const reason = h("input", { id: "reason", maxlength: 500, required: true, dir: "auto", autofocus: true });
  openDialog(t(action === "cancel" ? "cancel.title" : "admin.expire.title"), (close) => [
    h("form", { on: { submit: async (/** @type {Event} */ event) => {
      event.preventDefault();
      try {
        await context.api("POST", `/admin/sessions/${id}/${action}`, { body: { reason: reason.value.trim() } });
        close();
        done();
      } catch (error) {
        context.tell(error);
      }
    } } },
      h("div.field", {}, h("label", { for: "reason" }, t("admin.reason")), reason),
      h("div.buttons", {}, h("button.button.danger", { type: "submit" }, t(action === "cancel" ? "cancel.yes" : "admin.expire")))),
  ]);
}

/** @param {import("../main.js").Context} context @param {string} id */
async function remove(context, id) {
  if (!(await context.ask(t("admin.delete.title"), t("admin.delete.message"), t("admin.delete"), { danger: true }))) return;
  try {
    await context.api("DELETE", `/sessions/${id}`);
    await context.go("/admin", { replace: true });
  } catch (error) {
    context.tell(error);
  }
}

/**
 * The first page, and a button for the next.
 * @param {import("../main.js").Context} context @param {string} path @param {any} first @param {(list: any, items: any[]) => void} add @param {any} list @param {string} [name] @param {Record<string, unknown>} [query]
 */
function paged(context, path, first, add, list, name = "cursor", query = {}) {
  let cursor = first.next_cursor;
  add(list, first.items);
  const more = h("button.button.small", { type: "button", hidden: cursor === null, on: { click: async () => {
    try {
      const found = await context.api("GET", path, { query: { limit: 100, [name]: cursor, ...query } });
      add(list, found.items);
      cursor = found.next_cursor;
      more.hidden = cursor === null;
    } catch (error) {
      context.tell(error);
    }
  } } }, t("dashboard.more"));
  return h("div", {}, list, more);
}

/** @param {import("../main.js").Context} context @param {string} id @param {any} first */
function drafts(context, id, first) {
  return paged(context, `/sessions/${id}/drafts`, first, (list, items) => list.append(...items.map((draft) => {
    const score = mean(draft.scores);
    const body = h("div", {});
    return h("li", {}, h("p.head", {}, h("strong", {}, t("version", { version: draft.version })), draft.current ? h("span.tag", {}, t("version.current")) : null,
      score === null ? null : h("span.score", {}, number(score, { maximumFractionDigits: 1 }))),
    h("p.hint", {}, `${draft.step ? stepName(draft.step) : agentName(draft.author)} · ${t("words", { count: draft.word_count })} · ${dateTime(draft.created_at)}`),
    h("div.buttons", {},
      h("button.button.small", { type: "button", on: { click: async () => {
        try {
          const text = h("div.prose.small", {});
          text.append(render((await context.api("GET", `/sessions/${id}/drafts/${draft.version}`)).content));
          put(body, text);
        } catch (error) {
          context.tell(error);
        }
      } } }, t("read")),
      draft.version > 1 ? h("button.button.small", { type: "button", on: { click: async () => {
        try {
          put(body, diffNode((await context.api("GET", `/sessions/${id}/drafts/${draft.version - 1}/diff/${draft.version}`)).blocks));
        } catch (error) {
          context.tell(error);
        }
      } } }, t("version.diff", { version: draft.version - 1 })) : null), body);
  })), h("ol.version-list", {}), "cursor", { content: false });
}

/** @param {import("../main.js").Context} context @param {string} id */
function auditPanel(context, id) {
  const node = h("div", {});
  context.api("GET", "/admin/audit", { query: { session_id: id, limit: 100 } }).then((found) =>
    put(node, found.items.length ? auditTable(found.items) : h("p.hint", {}, t("admin.noAudit"))), context.tell);
  return node;
}
