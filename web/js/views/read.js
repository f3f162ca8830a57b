// @ts-check
/** A story, to be read and nothing else. */

import { h, icon } from "../dom.js";
import { render } from "../markdown.js";
import { exportMenu } from "../parts/export.js";
import { openShares } from "../parts/share.js";
import { t } from "../t.js";

/** @param {import("../main.js").Context} context @param {string} id */
export async function view(context, id) {
  const [session, story, templates] = await Promise.all([
    context.api("GET", `/sessions/${id}`), context.api("GET", `/sessions/${id}/story`), context.templates(),
  ]);
  const template = templates.find((one) => one.name === session.template);
  const node = bookNode(story, template?.title ?? "",
    h("nav.book-tools", { "aria-label": t("read.tools") },
      h("a.button.small", { href: `/s/${id}` }, t("read.back")), exportMenu(context, id),
      h("button.button.small", { type: "button", on: { click: () => openShares(context, id) } }, icon("share"), t("share"))),
    t("read.by", { model: story.model }));
  return { title: story.title, node, accent: template?.theme.accent, focus: node.querySelector("h1") };
}

/** @param {any} story @param {string} kind @param {Node | null} tools @param {string} [by] */
export function bookNode(story, kind, tools, by) {
  const text = h("div.prose", { lang: story.language ?? null });
  text.append(render(story.content));
  const title = h("h1", { tabindex: -1, dir: "auto", lang: story.language ?? null }, story.title);
  return h("article.book", { data: { title: story.title.length > 60 ? "long" : "short" } }, tools,
    h("header", {}, kind ? h("p.label", {}, kind) : null, title,
      h("p.hint", {}, [t("words", { count: story.word_count }), t("read.minutes", { count: Math.max(1, Math.round(story.word_count / 230)) }), by].filter(Boolean).join(" · "))),
    text, h("p.end", { "aria-hidden": "true" }, "⁂"));
}
