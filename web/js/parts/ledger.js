// @ts-check
/** The bible of a story as its ledger has it: what contradicts itself, with both passages, and every fact by whom it is of. */

import { h, put } from "../dom.js";
import { t, tOr } from "../t.js";
import { line } from "./scores.js";

/** @param {any} view */
export function ledgerPanel(view) {
  const node = h("div.ledger", {}, h("p.hint", {}, t("ledger.none")));
  let loaded = false;
  const panel = {
    node,
    stale() {
      loaded = false;
    },
    async load() {
      if (loaded) return;
      loaded = true;
      try {
        const report = await view.context.api("GET", `/sessions/${view.id}/ledger`);
        put(node, ...content(report, view.state.status === "completed", settle));
      } catch (error) {
        loaded = false;
        view.context.tell(error);
      }
    },
  };
  /** @param {any} finding */
  async function settle(finding) {
    if (!(await view.act(`ledger/${finding.id}/settle`))) return;
    loaded = false;
    await panel.load();
    // The button that was pressed is gone.
    view.panels.focus();
  }
  return panel;
}

/** @param {any} report @param {boolean} over @param {(finding: any) => void} settle @returns {Node[]} */
function content(report, over, settle) {
  if (!report.entries.length && !report.findings.length) return [h("p.hint", {}, t("ledger.none"))];
  return [
    h("h2", {}, over ? t("ledger.remains") : t("ledger.open")),
    report.findings.length
      ? h("ul.findings", {}, ...report.findings.map((/** @type {any} */ finding) => found(finding, h("div.buttons", {},
        h("button.button.small", { type: "button", on: { click: () => settle(finding) } }, t("ledger.settle"),
          h("span.visually-hidden", {}, ` ${finding.subject}`))))))
      : h("p.hint", {}, t("ledger.clean")),
    ...chart(report.versions),
    ...(report.settled.length ? [
      h("h2", {}, t("ledger.settled")),
      h("ul.findings", {}, ...report.settled.map((/** @type {any} */ finding) =>
        found(finding, h("p.hint", {}, t(`ledger.by.${finding.settled}`))))),
    ] : []),
    h("h2", {}, t("ledger.facts")),
    ...subjects(report.entries).map(([subject, entries]) => h("details", {},
      h("summary", {}, subject === "world" ? t("ledger.world") : subject),
      h("ul.facts", {}, ...entries.map(fact)))),
    report.left_off ? h("p.hint", {}, t("ledger.more", { count: report.left_off })) : null,
  ].filter((one) => one !== null);
}

/** @param {any} finding @param {Node} end */
function found(finding, end) {
  return h("li", { data: { kind: finding.kind } },
    h("p.head", {}, h("strong", {}, tOr(`finding.${finding.kind}`, finding.kind)), finding.subject === "world" ? null : ` · ${finding.subject}`),
    h("p", {}, finding.sentence),
    passage(finding.earlier_section, finding.earlier),
    passage(finding.section, finding.later),
    end);
}

/** @param {number} section @param {string} quote */
function passage(section, quote) {
  return h("figure", {},
    h("figcaption.hint", {}, where(section)),
    h("blockquote", { dir: "auto" }, quote));
}

/** @param {number} section */
const where = (section) => (section ? t("ledger.section", { section }) : t("ledger.outline"));

/** @param {any} entry */
function fact(entry) {
  const told = entry.quote && entry.quote !== entry.value ? h("blockquote", { dir: "auto" }, entry.quote) : null;
  return h("li", {},
    h("p", { dir: "auto" }, h("span.hint", {}, `${tOr(`attribute.${entry.attribute}`, entry.attribute)}: `), entry.value,
      h("span.hint", {}, ` · ${[where(entry.section), entry.time].filter(Boolean).join(" · ")}`)),
    told);
}

/** @param {any[]} entries @returns {[string, any[]][]} */
function subjects(entries) {
  /** @type {Map<string, any[]>} */
  const by = new Map();
  for (const entry of entries) by.set(entry.subject, [...(by.get(entry.subject) ?? []), entry]);
  return [...by].sort(([one], [other]) => Number(one === "world") - Number(other === "world"));
}

/** @param {{version: number, open: number}[]} versions @returns {Node[]} */
function chart(versions) {
  if (versions.length < 2) return [];
  const told = versions.map((one) => `${t("version", { version: one.version })}: ${one.open}`).join("; ");
  return [
    h("h2", {}, t("ledger.chart")),
    h("p.chart", {}, line(versions.map((one) => one.open), told, Math.max(1, ...versions.map((one) => one.open))),
      h("span.hint", {}, t("ledger.now", { count: versions.at(-1)?.open ?? 0 }))),
  ];
}
