// @ts-check
/** An invitation to a project, to be accepted. */

import { h, say, show } from "../dom.js";
import { Refusal } from "../rest.js";
import { dateTime, t } from "../t.js";

/** @param {import("../main.js").Context} context @param {string} token */
export async function view(context, token) {
  if (!context.signin.known && !context.signin.guests) {
    await context.signedIn();
    return { title: t("invite.title"), node: h("div", {}) };
  }
  // Whoever only looks at a link is nobody yet: a guest is made when they are asked for who they are.
  if (!context.signin.known) await context.signin.anonymous();
  let invite;
  try {
    invite = await context.api("GET", `/v1/invites/${encodeURIComponent(token)}`);
  } catch (error) {
    if (!(error instanceof Refusal) || ![404, 410].includes(error.status)) throw error;
    const title = h("h1", { tabindex: -1 }, t("invite.gone.title"));
    return { title: t("invite.gone.title"), focus: title, node: h("section.nothing", {}, title, h("p", {}, error.message || t("invite.gone"))) };
  }
  const trouble = h("p.trouble", { role: "alert", hidden: true });
  const heading = h("h1", { tabindex: -1, dir: "auto" }, t("invite.to", { name: invite.name }));
  const button = h("button.button.primary.large", { type: "button", on: { click: async () => {
    button.disabled = true;
    try {
      const joined = await context.api("POST", `/v1/invites/${encodeURIComponent(token)}`);
      await context.go(`/project/${joined.project.id}`, { replace: true });
    } catch (error) {
      say(trouble, context.words(error));
      show(trouble, true);
      button.disabled = false;
    }
  } } }, t("invite.accept"));
  return {
    title: t("invite.title"),
    focus: heading,
    node: h("section.nothing", {}, heading,
      h("p", {}, t(`invite.${invite.role}`)), h("p.hint", {}, t("invite.until", { date: dateTime(invite.expires_at) })),
      invite.member ? h("p.notice", {}, t("invite.member", { role: t(`role.${invite.member}`) })) : null, trouble,
      h("p", {}, invite.member ? h("a.button.primary", { href: `/project/${invite.project_id}` }, t("invite.open")) : button)),
  };
}
