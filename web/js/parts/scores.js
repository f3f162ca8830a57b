// @ts-check
/** The reader's scores from version to version, with the passages that they rest on. */

import { h, put, svg } from "../dom.js";
import { render } from "../markdown.js";
import { number, t, tOr } from "../t.js";
import { draftsPanel, mean } from "./versions.js";

const WIDTH = 132;
const HEIGHT = 34;
const HIGHEST = 10;

/** @param {any} view */
export const scoresPanel = (view) => draftsPanel(view, "scores", (drafts) => {
  const scored = drafts.filter((draft) => draft.scores);
  const reviews = view._messages(view.state).filter((/** @type {any} */ one) => /^review-\d+$/.test(one.step ?? ""));
  return scored.length ? content(scored, reviews) : [];
});

/** @param {any[]} scored @param {any[]} reviews @returns {Node[]} */
function content(scored, reviews) {
  const names = Object.keys(scored.at(-1).scores);
  const versions = scored.map((draft) => draft.version);
  const evidence = h("div.evidence", {});
  /** @param {number} index */
  const choose = (index) => {
    buttons.forEach((button, at) => button.setAttribute("aria-pressed", String(at === index)));
    put(evidence, reviews[index] ? render(reviews[index].content, { top: 3 }) : h("p.hint", {}, t("scores.noReview")));
  };
  const buttons = scored.map((draft, index) =>
    h("button.button.small", { type: "button", "aria-pressed": "false", on: { click: () => choose(index) } }, t("version", { version: draft.version })));
  choose(scored.length - 1);
  return [
    h("table.score-table", {},
      h("caption.visually-hidden", {}, t("scores.caption")),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("scores.of")), h("th.line", { scope: "col" }, t("scores.over", { versions: versions.join(", ") })), h("th", { scope: "col" }, t("scores.now")))),
      h("tbody", {},
        row(t("scores.mean"), scored.map((draft) => mean(draft.scores)), versions, "mean"),
        ...names.map((name) => row(tOr(`score.${name}`, name), scored.map((draft) => draft.scores[name] ?? null), versions)))),
    h("h2", {}, t("scores.evidence")),
    h("div.buttons", { role: "group", "aria-label": t("scores.choose") }, ...buttons),
    evidence,
  ];
}

/** @param {string} name @param {(number | null)[]} values @param {number[]} versions @param {string} [kind] */
function row(name, values, versions, kind) {
  const now = values.at(-1) ?? null;
  const told = values.map((value, index) => `${t("version", { version: versions[index] })}: ${value === null ? "–" : number(value, { maximumFractionDigits: 1 })}`).join("; ");
  return h("tr", { class: kind ?? null }, h("th", { scope: "row" }, name),
    h("td.line", {}, line(values, told)),
    h("td", {}, now === null ? "–" : number(now, { maximumFractionDigits: 1 })));
}

/** @param {(number | null)[]} values @param {string} told @param {number} [highest] */
export function line(values, told, highest = HIGHEST) {
  const points = values.map((value, index) => ({
    x: values.length === 1 ? WIDTH / 2 : 5 + (index * (WIDTH - 10)) / (values.length - 1),
    y: value === null ? null : HEIGHT - 5 - (value / highest) * (HEIGHT - 10),
  })).filter((point) => point.y !== null);
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: "img", "aria-label": told },
    svg("path.grid", { d: `M0 ${HEIGHT - 5}H${WIDTH}M0 5H${WIDTH}` }),
    svg("polyline", { points: points.map((point) => `${point.x},${point.y}`).join(" ") }),
    ...points.map((point, index) => svg("circle", { cx: point.x, cy: point.y, r: index === points.length - 1 ? 4 : 3 })));
}
