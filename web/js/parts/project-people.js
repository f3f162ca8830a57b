// @ts-check
/** Who takes part in a project, and the links that let others in. */

import { h, icon, put, show } from "../dom.js";
import { Refusal } from "../rest.js";
import { dateTime, t } from "../t.js";
import { copyButton } from "./copy.js";

const DAY_S = 86_400;
const ROLES = ["owner", "editor", "viewer"];

/** @param {import("../views/project.js").ProjectView} view */
export function peoplePanel(view) {
  const { context, id } = view;
  const path = `/v1/projects/${id}`;
  const me = context.signin.tokens?.user_id;
  const list = h("ul.lore.members", {});
  const invites = h("section.part", { hidden: true });
  const links = h("ul.lore", {});
  const made = h("div.made", { role: "status" });
  const named = h("p.hint", {}, t("people.about"), " ", h("a", { href: "/sign-in" }, t("people.named")));
  put(invites, h("h2", {}, t("invites")), h("p.hint", {}, t("invites.about")), form(), made, links);

  async function load() {
    try {
      const members = (await context.api("GET", `${path}/members`)).items;
      put(list, ...members.map((/** @type {any} */ one) => row(one)));
      show(invites, view.isOwner);
      if (view.isOwner) drawInvites((await context.api("GET", `${path}/invites`)).items);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      context.tell(error);
    }
  }

  /** @param {() => Promise<any>} work */
  async function act(work) {
    try {
      await work();
    } catch (error) {
      context.tell(error);
    }
    await load();
  }

  /** @param {any} member */
  function row(member) {
    const own = member.user_id === me;
    const name = member.display_name || t(own ? "you" : "people.unnamed");
    const role = h("select", { "aria-label": t("people.role.of", { name }), on: {
      change: () => act(() => context.api("PATCH", `${path}/members/${member.user_id}`, { body: { role: role.value } })),
    } }, ...ROLES.map((one) => h("option", { value: one, selected: one === member.role }, t(`role.${one}`))));
    return h("li", { data: { member: member.user_id } },
      h("div.about", {}, h("p.name", { dir: "auto" }, name, own && member.display_name ? h("span.hint", {}, ` · ${t("you")}`) : null),
        h("p.meta", {}, view.isOwner ? null : h("span", {}, t(`role.${member.role}`)), h("span", {}, t("people.since", { date: dateTime(member.created_at) })))),
      h("div.buttons", {}, view.isOwner ? role : null,
        own ? h("button.button.small", { type: "button", on: { click: () => leave() } }, t("people.leave"))
          : view.isOwner ? h("button.button.small", { type: "button", "aria-label": t("people.remove.of", { name }), on: { click: () => remove(member, name) } }, t("people.remove")) : null));
  }

  async function leave() {
    if (!(await context.ask(t("people.leave.title"), t("people.leave.about"), t("people.leave"), { danger: true }))) return;
    try {
      await context.api("DELETE", `${path}/members/${me}`);
    } catch (error) {
      context.tell(error);
      return;
    }
    context.go("/projects");
  }

  /** @param {any} member @param {string} name */
  async function remove(member, name) {
    if (!(await context.ask(t("people.remove.title"), t("people.remove.about", { name }), t("people.remove"), { danger: true }))) return;
    await act(() => context.api("DELETE", `${path}/members/${member.user_id}`));
    list.querySelector("button")?.focus();
  }

  function form() {
    const role = h("select", { id: "invite-role" }, ...["viewer", "editor"].map((one) => h("option", { value: one }, t(`role.${one}`))));
    const days = h("select", { id: "invite-days" }, ...[1, 7, 30, 365].map((count) => h("option", { value: count, selected: count === 7 }, t("share.days", { count }))));
    const uses = h("select", { id: "invite-uses" }, ...["1", "10", ""].map((count) =>
      h("option", { value: count }, count ? t("invites.uses", { count: Number(count) }) : t("invites.any"))));
    /** @param {string} words @param {any} control */
    const field = (words, control) => h("div.field", {}, h("label", { for: control.id }, words), control);
    return h("form", { on: { submit: (/** @type {Event} */ event) => {
      event.preventDefault();
      act(async () => {
        const body = { role: role.value, expires_in_s: Number(days.value) * DAY_S, uses: uses.value ? Number(uses.value) : null };
        const invite = await context.api("POST", `${path}/invites`, { body });
        const url = `${location.origin}/invite/${invite.token}`;
        put(made, h("label", { for: "invite-url" }, t("invites.once")),
          h("div.row", {}, h("input", { id: "invite-url", value: url, readonly: true, dir: "ltr", on: { focus: (/** @type {any} */ one) => one.target.select() } }),
            copyButton(url, t("copy"), t("copy"))));
        made.dataset.id = invite.id;
      });
    } } }, h("div.fields", {}, field(t("invites.role"), role), field(t("share.for"), days), field(t("invites.usable"), uses)),
      h("button.button.primary", { type: "submit" }, icon("link"), t("share.create")));
  }

  /** @param {any[]} all */
  function drawInvites(all) {
    const alive = all.filter((one) => !one.revoked_at && one.uses_left !== 0 && new Date(one.expires_at) > new Date());
    put(links, ...alive.map((one) => h("li", {},
      h("div.about", {}, h("p.name", {}, t(`invites.${one.role}`)), h("p.meta", {}, h("span", {}, t("share.until", { date: dateTime(one.expires_at) })),
        h("span", {}, one.uses_left === null ? t("invites.any") : t("invites.uses", { count: one.uses_left })))),
      h("div.buttons", {}, h("button.button.small", { type: "button", on: { click: () => act(async () => {
        await context.api("DELETE", `${path}/invites/${one.id}`);
        if (made.dataset.id === one.id) put(made);
      }) } }, t("share.revoke"))))));
  }

  return { node: h("div", {}, named, list, invites), load };
}
