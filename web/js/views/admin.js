// @ts-check
/** For admins: all sessions, statistics, nodes and queue, and what admins did. */

import { agentName, statusName, stepName } from "../cast.js";
import { h, put, say, show } from "../dom.js";
import { barChart, dayChart } from "../parts/charts.js";
import { tabs } from "../parts/tabs.js";
import { ago, dateTime, money, number, t, tOr } from "../t.js";

const STATUSES = ["active", "waiting", "awaiting_approval", "paused", "completed", "failed", "cancelled", "expired"];
const REFRESH_MS = 5000;
const TYPED_MS = 300;

/** @param {import("../main.js").Context} context */
export async function view(context) {
  const templates = await context.templates();
  const parts = [sessions(context, templates), statistics(context), nodes(context), audit(context)];
  await parts[0].load();
  /** @param {{load: () => Promise<void>}} part */
  const load = (part) => part.load().catch((error) => context.tell(error));
  const bar = tabs(t("nav.admin"), parts.map((part) => ({
    id: part.id, words: t(`admin.${part.id}`), panel: h("div", {}, part.node), opened: () => load(part),
  })));
  const refresh = setInterval(() => {
    const part = parts.find((one) => one.id === bar.chosen);
    if (!document.hidden && part?.live) part.load().catch(() => null); // The next one may come through.
  }, REFRESH_MS);
  const focus = h("h1", { tabindex: -1 }, t("nav.admin"));
  return {
    title: t("nav.admin"), focus,
    node: h("section.admin", {}, focus, bar.list, ...bar.panels),
    end: () => clearInterval(refresh),
  };
}

/** @param {string[]} heads @param {(Node | null)[]} rows @param {string} caption */
function table(heads, rows, caption) {
  return h("div.scroll", { tabindex: 0, role: "region", "aria-label": caption },
    h("table.data", {}, h("caption.visually-hidden", {}, caption),
      h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))), h("tbody", {}, ...rows)));
}

/** @param {import("../main.js").Context} context @param {any[]} templates */
function sessions(context, templates) {
  const list = h("div", {});
  /** @type {(string | null)[]} the cursors of the pages before */
  const trail = [];
  let cursor = /** @type {string | null} */ (null);
  let next = /** @type {string | null} */ (null);
  let typed = 0;
  const afresh = () => {
    trail.length = 0;
    cursor = null;
    load().catch(context.tell);
  };
  const later = () => {
    clearTimeout(typed);
    typed = setTimeout(afresh, TYPED_MS);
  };
  const q = h("input", { id: "admin-q", type: "search", dir: "auto", on: { input: later } });
  const status = h("select", { id: "admin-status", on: { change: afresh } }, h("option", { value: "" }, t("dashboard.any")),
    ...STATUSES.map((one) => h("option", { value: one }, statusName(one))));
  const template = h("select", { id: "admin-template", on: { change: afresh } }, h("option", { value: "" }, t("admin.anyTemplate")),
    ...templates.map((one) => h("option", { value: one.name }, one.title)));
  const user = h("input", { id: "admin-user", pattern: "[0-9a-fA-F-]{36}", on: { input: later } });
  const since = h("input", { id: "admin-since", type: "date", on: { change: afresh } });
  const back = h("button.button.small", { type: "button", on: { click: () => {
    cursor = trail.pop() ?? null;
    load().catch(context.tell);
  } } }, t("admin.back"));
  const on = h("button.button.small", { type: "button", on: { click: () => {
    trail.push(cursor);
    cursor = next;
    load().catch(context.tell);
  } } }, t("admin.next"));
  const none = h("p.hint", { role: "status" });
  async function load() {
    if (!user.validity.valid) return;
    const query = {
      q: q.value.trim(), status: status.value, template: template.value, user_id: user.value.trim(),
      since: since.value ? `${since.value}T00:00:00Z` : "", limit: 20, cursor,
    };
    const found = await context.api("GET", "/admin/sessions", { query });
    next = found.next_cursor;
    const focused = document.activeElement?.getAttribute("href");
    put(list, table([t("admin.title"), t("dashboard.status"), t("start.template"), t("start.model"), t("usage.tokens"), t("usage.cost"), t("admin.user"), t("admin.activity")],
      found.items.map((/** @type {any} */ one) => h("tr", {},
        h("th", { scope: "row", dir: "auto" }, h("a", { href: `/admin/s/${one.id}` }, one.title)),
        h("td", {}, h("span.status", { data: { status: one.status } }, statusName(one.status)), one.status === "active" ? h("span.hint", {}, ` ${stepName(one.progress.current_step)} ${Math.round(one.progress.percent)} %`) : null),
        h("td", {}, templates.find((known) => known.name === one.template)?.title ?? one.template), h("td", {}, one.model), h("td.figure", {}, number(one.tokens)), h("td.figure", {}, money(one.cost_usd)),
        h("td", {}, h("button.link", { type: "button", title: one.user_id, on: { click: () => {
          user.value = one.user_id;
          afresh();
        } } }, one.user_id.slice(0, 8))),
        h("td.nowrap", { title: dateTime(one.last_activity_at) }, ago(one.last_activity_at)))), t("admin.sessions")));
    if (focused) /** @type {HTMLElement | null} */ (list.querySelector(`[href="${focused}"]`))?.focus();
    say(none, found.items.length ? "" : t("dashboard.noneFound"));
    show(back, trail.length > 0);
    show(on, next !== null);
  }
  /** @param {string} words @param {any} control */
  const field = (words, control) => h("div.field", {}, h("label", { for: control.id }, words), control);
  return {
    id: "sessions", live: true, load,
    node: h("div", {},
      h("form.fields", { role: "search", on: { submit: (/** @type {Event} */ event) => event.preventDefault() } },
        field(t("dashboard.search"), q), field(t("dashboard.status"), status), field(t("start.template"), template),
        field(t("admin.user"), user), field(t("admin.since"), since)),
      list, none, h("div.buttons", {}, back, on)),
  };
}

/** @param {import("../main.js").Context} context */
function statistics(context) {
  const content = h("div.statistics", {});
  const days = h("select", { id: "admin-days", on: { change: () => load().catch(context.tell) } },
    ...[7, 30, 90, 365].map((count) => h("option", { value: count, selected: count === 30 }, t("share.days", { count }))));
  async function load() {
    const told = await context.api("GET", "/admin/stats", { query: { days: days.value } });
    const mean = (/** @type {number | null} */ value) => (value === null ? "–" : number(value, { maximumFractionDigits: 1 }));
    /** @param {string} words @param {string} figure */
    const tile = (words, figure) => h("div.tile", {}, h("dt", {}, words), h("dd", {}, figure));
    /** @param {Record<string, any>} usage @param {(name: string) => string} name */
    const used = (usage, name) => Object.entries(usage).sort(([, a], [, b]) => b.tokens - a.tokens)
      .map(([key, one]) => ({ name: name(key), value: one.tokens, told: `${number(one.tokens)}${one.cost_usd ? ` · ${money(one.cost_usd)}` : ""}` }));
    put(content,
      h("dl.tiles", {},
        tile(t("admin.running"), number(told.active.running)), tile(t("admin.waiting"), number(told.active.waiting)),
        tile(t("admin.mean.words"), mean(told.means.words)), tile(t("admin.mean.minutes"), mean(told.means.minutes)),
        tile(t("admin.mean.messages"), mean(told.means.messages))),
      h("section", {}, h("h2", {}, t("admin.perDay")), dayChart(told.per_day)),
      h("section", {}, h("h2", {}, t("admin.byStatus")), barChart(STATUSES.filter((name) => told.totals[name]).map((name) => ({ name: statusName(name), value: told.totals[name], told: number(told.totals[name]) })), t("admin.byStatus"))),
      h("section", {}, h("h2", {}, t("admin.byModel")), barChart(used(told.by_model, (name) => name), t("admin.byModel"))),
      h("section", {}, h("h2", {}, t("admin.byAgent")), barChart(used(told.by_agent, agentName), t("admin.byAgent"))),
      h("section", {}, h("h2", {}, t("admin.failures")), Object.keys(told.failures).length
        ? barChart(Object.entries(told.failures).map(([name, value]) => ({ name, value, told: number(value) })), t("admin.failures"))
        : h("p.hint", {}, t("admin.noFailures"))));
  }
  return { id: "statistics", live: false, load,
    node: h("div", {}, h("div.row", {}, h("label", { for: "admin-days" }, t("admin.days")), days), content) };
}

/** @param {import("../main.js").Context} context */
function nodes(context) {
  const content = h("div", {});
  async function load() {
    const told = await context.api("GET", "/admin/nodes");
    put(content,
      h("h2", {}, t("admin.nodes")),
      table([t("admin.node"), t("admin.state"), t("admin.stories"), t("admin.version"), t("admin.address"), t("admin.started"), t("admin.seen")],
        told.nodes.map((/** @type {any} */ one) => h("tr", {}, h("th", { scope: "row" }, one.id),
          h("td", {}, h("span.status", { data: { status: one.alive ? "completed" : "failed" } }, t(one.alive ? "admin.alive" : "admin.dead"))),
          h("td.figure", {}, one.places ? `${number(one.running)} / ${number(one.places)}` : number(one.running)),
          h("td", {}, one.version ?? "–"), h("td", {}, one.address ?? "–"), h("td.nowrap", {}, ago(one.started_at)), h("td.nowrap", {}, ago(one.seen_at)))), t("admin.nodes")),
      h("h2", {}, t("admin.queue", { count: told.waiting })),
      told.queue.length ? table([t("admin.place"), t("admin.title"), t("admin.user"), t("admin.waits")], told.queue.map((/** @type {any} */ one) =>
        h("tr", {}, h("td.figure", {}, one.place), h("th", { scope: "row", dir: "auto" }, h("a", { href: `/admin/s/${one.session_id}` }, one.title)), h("td", {}, one.user_id.slice(0, 8)), h("td", {}, ago(one.since)))), t("admin.waiting"))
        : h("p.hint", {}, t("admin.noQueue")));
  }
  return { id: "machines", live: true, load, node: content };
}

/** @param {import("../main.js").Context} context */
function audit(context) {
  const content = h("div", {});
  let cursor = /** @type {string | null} */ (null);
  const rows = /** @type {any[]} */ ([]);
  const more = h("button.button", { type: "button", on: { click: () => fetchMore().catch(context.tell) } }, t("dashboard.more"));
  async function fetchMore() {
    const found = await context.api("GET", "/admin/audit", { query: { limit: 50, cursor } });
    rows.push(...found.items);
    cursor = found.next_cursor;
    show(more, cursor !== null);
    put(content, rows.length ? auditTable(rows) : h("p.hint", {}, t("admin.noAudit")));
  }
  return { id: "audit", live: false, node: h("div", {}, content, more), load: () => {
    rows.length = 0;
    cursor = null;
    return fetchMore();
  } };
}

/** @param {any[]} rows */
export function auditTable(rows) {
  return table([t("admin.when"), t("admin.who"), t("admin.what"), t("admin.session"), t("admin.why")], rows.map((one) => h("tr", {},
    h("td.nowrap", {}, dateTime(one.at)), h("td.nowrap", {}, h("code", { title: one.admin_id }, one.admin_id.slice(0, 8))), h("td", {}, tOr(`admin.did.${one.action}`, one.action)),
    h("td", {}, h("a", { href: `/admin/s/${one.session_id}` }, one.session_id.slice(0, 8))), h("td", { dir: "auto" }, one.reason ?? "–"))), t("admin.audit"));
}
