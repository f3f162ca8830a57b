// @ts-check
/** The steps so far with what they took, and tokens and cost by agent. */

import { agentName, stageName, stepName } from "../cast.js";
import { h, put } from "../dom.js";
import { duration, money, number, t } from "../t.js";

/** @param {import("../main.js").Context} context @param {string} id */
export function stepsPanel(context, id) {
  const list = h("ol.steps", {});
  const usage = h("div.usage", {});
  /** @type {Map<string, any>} */
  const steps = new Map();
  let told = "";
  let changed = 0;
  return {
    node: h("div", {}, h("h2", {}, t("usage.title")), usage, h("h2", {}, t("steps.title")), list),
    /** The agent of the step that runs. */
    get running() {
      return [...steps.values()].find((one) => one.status === "running")?.agent ?? null;
    },
    async load() {
      try {
        let cursor = null;
        do {
          const found = await context.api("GET", `/sessions/${id}/steps`, { query: { limit: 100, cursor } });
          for (const step of found.items) steps.set(step.step, step);
          cursor = found.next_cursor;
        } while (cursor);
        changed += 1;
      } catch {
        // The events bring those to come.
      }
    },
    /** @param {any} event */
    event(event) {
      if (event.type === "step.started") {
        steps.set(event.step, { ...event, status: "running", tokens: 0, cost_usd: 0 });
      } else if (event.type === "step.finished") {
        steps.set(event.step, { ...steps.get(event.step), ...event, status: "done" });
      } else return;
      changed += 1;
    },
    /** @param {import("../state.js").State} state */
    draw(state) {
      const now = `${changed} ${state.tokens} ${state.cost_usd} ${state.status}`;
      if (told === now) return;
      told = now;
      put(usage, usageTable(state));
      let stage = "";
      put(list, ...[...steps.values()].flatMap((step) => {
        const head = step.stage !== stage ? [h("li.stage", {}, stageName(step.stage))] : [];
        stage = step.stage;
        const status = step.status === "running" && state.status !== "active" ? "waiting" : step.status;
        return [...head, h("li", { data: { status } },
          h("span.what", {}, stepName(step.step)), h("span.who", {}, agentName(step.agent)),
          h("span.took", {}, step.status === "done"
            ? [step.duration_ms !== undefined && step.duration_ms !== null ? duration(step.duration_ms / 1000) : "", step.tokens ? t("tokens.short", { count: step.tokens }) : ""].filter(Boolean).join(" · ")
            : t(`step.is.${status}`)))];
      }));
    },
  };
}

/** @param {Pick<import("../state.js").State, "tokens" | "cost_usd" | "usage_by_agent">} state */
export function usageTable(state) {
  const agents = Object.entries(state.usage_by_agent).sort(([, a], [, b]) => b.tokens - a.tokens);
  if (!agents.length) return h("p.hint", {}, t("usage.none"));
  return h("table", {},
    h("caption.visually-hidden", {}, t("usage.title")),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("usage.agent")), h("th", { scope: "col" }, t("usage.tokens")), h("th", { scope: "col" }, t("usage.cost")))),
    h("tbody", {}, ...agents.map(([agent, one]) =>
      h("tr", {}, h("th", { scope: "row" }, agentName(agent)), h("td", {}, number(one.tokens)), h("td", {}, money(one.cost_usd))))),
    h("tfoot", {}, h("tr", {}, h("th", { scope: "row" }, t("usage.all")), h("td", {}, number(state.tokens)), h("td", {}, money(state.cost_usd)))));
}
