// @ts-check
/** Small charts as SVG; each says its figures in words too. */

import { h, svg } from "../dom.js";
import { language, number, t } from "../t.js";

const WIDEST = 1200;
const LABEL = 84;
const HEIGHT = 180;
const FOOT = 20;

/** Bars beside their names. @param {{name: string, value: number, told: string}[]} items @param {string} caption */
export function barChart(items, caption) {
  const most = Math.max(1, ...items.map((item) => item.value));
  return h("table.bars", {}, h("caption.visually-hidden", {}, caption), h("tbody", {}, ...items.map((item) =>
    h("tr", {}, h("th", { scope: "row" }, item.name),
      h("td.line", {}, h("span.length", { "aria-hidden": "true", vars: { "--share": `${(100 * item.value) / most}%` } })), h("td", {}, item.told)))));
}

/** Started and completed, day by day. @param {{day: string, started: number, completed: number}[]} days */
export function dayChart(days) {
  const most = Math.max(1, ...days.flatMap((one) => [one.started, one.completed]));
  // As wide as it is shown, so that its letters are as large as the page's.
  const width = Math.min(WIDEST, document.documentElement.clientWidth - 48);
  const step = width / Math.max(1, days.length);
  const high = (/** @type {number} */ value) => (value / most) * (HEIGHT - FOOT - 12);
  const date = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone: "UTC" });
  const every = Math.ceil(days.length / Math.floor(width / LABEL));
  const started = days.reduce((sum, one) => sum + one.started, 0);
  const completed = days.reduce((sum, one) => sum + one.completed, 0);
  /** @param {"started" | "completed"} what @param {number} shift @param {number} share */
  const bars = (what, shift, share) => days.map((one, index) => {
    const tall = high(one[what]);
    return svg(`rect.${what}`, { x: index * step + step * shift, y: HEIGHT - FOOT - tall, width: Math.max(1, step * share), height: tall },
      svg("title", {}, `${date.format(new Date(one.day))}: ${t(`admin.${what}`)} ${number(one[what])}`));
  });
  return h("figure.days", {},
    svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": t("admin.perDay.told", { started, completed, most }) },
      svg("path.grid", { d: `M0 ${HEIGHT - FOOT}H${width}M0 12H${width}` }), svg("text", { x: 0, y: 9 }, number(most)),
      ...bars("started", 0.1, 0.38), ...bars("completed", 0.52, 0.38),
      ...days.flatMap((one, index) => index % every ? [] : [svg("text", { x: index * step + 2, y: HEIGHT - 5 }, date.format(new Date(one.day)))])),
    h("figcaption", {}, h("span.key.started", {}, `${t("admin.started.stories")} ${number(started)}`), h("span.key.completed", {}, `${t("admin.completed")} ${number(completed)}`)));
}

/** Who worked when. @param {any[]} steps @param {(step: any) => string} name */
export function timeline(steps, name) {
  const begun = steps.filter((step) => step.started_at);
  if (!begun.length) return h("p.hint", {}, "–");
  const ends = begun.map((step) => new Date(step.finished_at ?? Date.now()).getTime());
  const from = new Date(begun[0].started_at).getTime();
  const whole = Math.max(1, Math.max(...ends) - from);
  return h("ol.timeline", {}, ...begun.map((step, index) => {
    const start = new Date(step.started_at).getTime() - from;
    return h("li", { data: { agent: step.agent, status: step.status } }, h("span.what", {}, name(step)),
      h("span.lane", { "aria-hidden": "true", vars: { "--from": `${(100 * start) / whole}%`, "--share": `${Math.max(0.4, (100 * (ends[index] - from - start)) / whole)}%` } }, h("span", {})),
      h("span.hint", {}, step.duration_ms === null || step.duration_ms === undefined ? t(`step.is.${step.status}`) : `${number(step.duration_ms / 1000, { maximumFractionDigits: 1 })} s`));
  }));
}
