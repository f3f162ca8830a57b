// @ts-check
/** How steps, stages, agents and statuses are called. */

import { t, tOr } from "./t.js";
import { proseOf } from "./reading.js";

/** @param {string | null | undefined} agent */
export const agentName = (agent) => (agent ? tOr(`agent.${agent}`, agent[0].toUpperCase() + agent.slice(1)) : t("agent.none"));

/** @param {string} stage */
export const stageName = (stage) => tOr(`stage.${stage}`, stage);

/** @param {string} status */
export const statusName = (status) => tOr(`status.${status}`, status);

/** What an agent does in a step, as a person would say it; null for a step of another name. @param {string | null | undefined} step */
export function doingName(step) {
  const prose = proseOf(step);
  if (prose) return t(`doing.${prose.kind}`, { section: prose.section });
  return tOr(`doing.${(step ?? "").replace(/-?\d*$/, "")}`, "") || null;
}

/** `draft-2` as a person would say it. @param {string | null | undefined} step */
export function stepName(step) {
  if (!step) return "";
  const prose = proseOf(step);
  if (prose) return t(`step.${prose.kind}`, { section: prose.section, round: prose.round });
  const gate = /^approve-(\w+)/.exec(step);
  if (gate) return t(`step.approve.${gate[1]}`);
  const match = /^(.*?)-?(\d*)$/.exec(step);
  const kind = match?.[1] ?? step;
  return tOr(`step.${kind}`, kind) + (match?.[2] ? ` ${match[2]}` : "");
}
