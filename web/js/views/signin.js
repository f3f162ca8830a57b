// @ts-check
/** Who is writing: sign in, sign out, and the way to another device. */

import { h, put, say, show } from "../dom.js";
import { copyButton } from "../parts/copy.js";
import { t } from "../t.js";

/** @param {import("../main.js").Context} context */
export async function view(context) {
  const { signin } = context;
  const node = h("section.sign-in", {});
  const draw = async () => put(node, ...(signin.known ? account(context, draw) : await ways(context)));
  await draw();
  return { title: t(signin.known ? "account" : "signin"), node };
}

/** @param {import("../main.js").Context} context @param {() => void} redraw @returns {Node[]} */
function account(context, redraw) {
  const { signin } = context;
  const tokens = /** @type {import("../signin.js").Tokens} */ (signin.tokens);
  return [
    h("h1", { tabindex: -1 }, t("account")),
    h("p", {}, tokens.email ? t("account.as", { name: tokens.email }) : t(tokens.anonymous ? "account.anonymous" : "account.local")),
    h("dl.facts", {}, h("dt", {}, t("account.id")), h("dd", {}, h("code", {}, tokens.user_id), copyButton(tokens.user_id, t("copy")))),
    nameForm(context),
    signin.local ? h("section", {}, h("h2", {}, t("account.device")), h("p", {}, t("account.device.about")), copyButton(() => signin.key(), t("account.device.copy"), t("account.device.copy"))) : null,
    h("p", {}, h("a.button.primary", { href: "/dashboard" }, t("nav.dashboard")), " ",
      h("button.button", { type: "button", on: { click: async () => {
        if (tokens.anonymous && !(await context.ask(t("signout.title"), t("signout.anonymous"), t("signout"), { danger: true }))) return;
        await signin.out();
        redraw();
      } } }, t("signout"))),
  ].filter((one) => one !== null);
}

/** As what the other members of a project see somebody. @param {import("../main.js").Context} context */
function nameForm(context) {
  const box = h("input", { id: "display-name", maxlength: 100, dir: "auto", autocomplete: "nickname" });
  context.api("GET", "/v1/users/me").then((profile) => {
    box.value ||= profile.display_name ?? "";
  }, () => null);
  return h("form", { on: { submit: async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      await context.api("PATCH", "/v1/users/me", { body: { display_name: box.value.trim() || null } });
      context.toast(t("account.named"));
    } catch (error) {
      context.tell(error);
    }
  } } },
    h("div.field", {}, h("label", { for: "display-name" }, t("account.name")), h("div.row", {}, box, h("button.button", { type: "submit" }, t("save"))),
      h("p.hint", {}, t("account.name.about"))));
}

/** @param {import("../main.js").Context} context @returns {Promise<Node[]>} */
async function ways(context) {
  const { signin } = context;
  const offered = await signin.offers();
  const trouble = h("p.trouble", { role: "alert", hidden: true });
  const told = h("p.notice", { role: "status", hidden: true });
  /** @param {() => Promise<string | null | void>} work */
  const attempt = async (work) => {
    show(trouble, false);
    show(told, false);
    try {
      const words = await work();
      if (words) {
        say(told, words);
        show(told, true);
        return;
      }
      const next = new URLSearchParams(location.search).get("next") ?? "";
      // Only within the studio: an address may be made by anybody.
      const safe = /^\/(?![/\\])/.test(next) ? next : location.pathname === "/sign-in" ? "/" : location.pathname;
      await context.go(safe, { replace: true });
    } catch (error) {
      say(trouble, context.words(error));
      show(trouble, true);
    }
  };
  /** @param {Event} event @param {() => Promise<any>} work */
  const submit = (event, work) => {
    event.preventDefault();
    attempt(work);
  };
  const email = h("input", { id: "email", type: "email", autocomplete: "email", required: true });
  const password = h("input", { id: "password", type: "password", autocomplete: "current-password", minlength: 6 });
  const token = h("input", { id: "token", type: "password", autocomplete: "off", required: true });
  const valid = () => email.reportValidity();
  const guest = offered.anonymous ? h("p", {}, h(offered.password ? "button.button" : "button.button.primary.large", { type: "button", on: {
    click: () => attempt(async () => void (await signin.anonymous())),
  } }, t("signin.anonymous"))) : null;
  return [
    h("h1", { tabindex: -1 }, t("signin")),
    h("p", {}, t(signin.guests ? "signin.local" : signin.local ? "signin.closed" : "signin.about")), trouble, told,
    offered.password ? null : guest,
    offered.password ? h("form", { on: { submit: (/** @type {Event} */ event) => submit(event, async () => void (await signin.password(email.value, password.value))) } },
      h("div.field", {}, h("label", { for: "email" }, t("signin.email")), email),
      h("div.field", {}, h("label", { for: "password" }, t("signin.password")), password),
      h("div.buttons", {},
        h("button.button.primary", { type: "submit" }, t("signin")),
        offered.signup ? h("button.button", { type: "button", on: { click: () => valid() && attempt(async () => ((await signin.signUp(email.value, password.value)) ? null : t("signin.confirm"))) } }, t("signin.up")) : null,
        offered.magic ? h("button.button", { type: "button", on: { click: () => valid() && attempt(async () => {
          await signin.magicLink(email.value);
          return t("signin.sent");
        }) } }, t("signin.magic")) : null)) : null,
    offered.password ? guest : null,
    offered.token ? h("details", { open: !offered.anonymous }, h("summary", {}, t("signin.token")),
      h("form", { on: { submit: (/** @type {Event} */ event) => submit(event, async () => void (await signin.paste(token.value))) } },
        h("p.hint", {}, t("signin.token.about")),
        h("div.field", {}, h("label", { for: "token" }, t("signin.token.label")), token),
        h("div.buttons", {}, h("button.button", { type: "submit" }, t("signin"))))) : null,
  ].filter((one) => one !== null);
}
