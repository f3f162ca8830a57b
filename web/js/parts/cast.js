// @ts-check
/** The cast, and who is thinking or writing. */

import { agentName, doingName } from "../cast.js";
import { h, put, say } from "../dom.js";
import { t } from "../t.js";

export class Cast {
  /** @param {string[]} names */
  constructor(names) {
    /** @type {Map<string, {node: HTMLElement, doing: Element}>} */
    this._rows = new Map();
    this.node = h("ul.cast", { "aria-label": t("cast") });
    for (const name of names) this._row(name);
  }

  /** @param {import("../state.js").State} state @param {string | null} running the agent of the running step @param {string | null} step */
  draw(state, running, step) {
    for (const name of Object.keys(state.cast)) this._row(name);
    for (const [name, row] of this._rows) {
      const told = state.cast[name];
      const active = state.status === "active";
      const doing = !active ? "waiting" : told ? told.state : name === running ? "thinking" : "waiting";
      if (row.node.dataset.state !== doing) row.node.dataset.state = doing;
      say(row.doing, what(doing, (name === running ? doingName(step) : null) ?? told?.activity));
    }
  }

  /** @param {string} name */
  _row(name) {
    const known = this._rows.get(name);
    if (known) return known;
    const doing = h("span.doing", {}, t("agent.waiting"));
    const row = {
      node: h("li", { data: { agent: name, state: "waiting" } },
        h("span.face", { "aria-hidden": "true" }, agentName(name)[0]),
        h("span.who", {}, h("strong", {}, agentName(name)), doing)),
      doing,
    };
    this._rows.set(name, row);
    this.node.append(row.node);
    return row;
  }
}

/** Who writes is at what they do, who thinks is thinking about it. @param {string} doing @param {string} [activity] */
function what(doing, activity) {
  if (doing === "writing" && activity) return activity;
  return [t(`agent.${doing}`), doing === "waiting" ? "" : activity].filter(Boolean).join(" · ");
}

/** How far the story is: the bar with its stages, and the figures under it. */
export class Meter {
  constructor() {
    this._bar = h("div.bar", { role: "progressbar", "aria-label": t("progress"), "aria-valuemin": 0, "aria-valuemax": 100 });
    this._fill = h("span", {});
    this._bar.append(this._fill);
    this._stages = h("ol.stages", {});
    this._now = h("span.now", {});
    this._words = h("span", {});
    this._time = h("span", {});
    this._cost = h("span", {});
    this.node = h("div.meter", {}, this._stages, this._bar, h("p.figures", {}, this._now, this._words, this._time, this._cost));
  }

  /**
   * @param {import("../state.js").State} state
   * @param {{words: number, now: string, left: string, cost: string}} figures
   * @param {(stage: string) => string} name
   */
  draw(state, figures, name) {
    const percent = Math.round(state.progress.percent * 10) / 10;
    if (this._fill.style.getPropertyValue("--done") !== `${percent}%`) {
      this._fill.style.setProperty("--done", `${percent}%`);
      this._bar.setAttribute("aria-valuenow", String(Math.round(percent)));
      this._bar.setAttribute("aria-valuetext", `${Math.round(percent)} %`);
    }
    const stages = Object.entries(state.progress.stages).sort(([a], [b]) => ORDER.indexOf(a) - ORDER.indexOf(b));
    const told = stages.map(([stage, share]) => `${stage} ${share}`).join();
    if (this._told !== told) {
      this._told = told;
      put(this._stages, ...stages.map(([stage, share]) =>
        h("li", { data: { done: share >= 1 ? "yes" : share > 0 ? "some" : "no" } }, name(stage),
          h("span", {}, share >= 1 ? t("stage.done") : `${Math.round(share * 100)} %`))));
    }
    say(this._now, figures.now);
    say(this._words, t("meter.words", { words: figures.words, target: state.progress.target_words }));
    say(this._time, figures.left);
    say(this._cost, figures.cost);
  }
}

const ORDER = ["foundation", "drafting", "validation"];
