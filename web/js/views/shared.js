// @ts-check
/** A story behind a link that its writer gave away. Nobody needs to sign in. */

import { h } from "../dom.js";
import { Refusal } from "../rest.js";
import { t } from "../t.js";
import { bookNode } from "./read.js";

/** @param {import("../main.js").Context} context @param {string} token */
export async function view(context, token) {
  let story;
  try {
    story = await context.api("GET", `/shared/${token}`, { open: true });
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 404) throw error;
    const title = h("h1", { tabindex: -1 }, t("shared.gone.title"));
    return { title: t("shared.gone.title"), focus: title, node: h("section.nothing", {}, title, h("p", {}, t("shared.gone"))) };
  }
  const node = bookNode(story, t("shared"), null);
  return { title: story.title, node, focus: node.querySelector("h1") };
}
