// @ts-check
/** Links that show a story to whoever has them, and nothing else. */

import { h, put } from "../dom.js";
import { dateTime, t } from "../t.js";
import { copyButton } from "./copy.js";
import { openDialog } from "./dialogs.js";

const DAY_S = 86_400;

/** @param {import("../main.js").Context} context @param {string} id */
export function openShares(context, id) {
  const list = h("ul.shares", {});
  const made = h("div.made", { role: "status" });
  const days = h("select", { id: "share-days" }, ...[1, 7, 30, 365].map((count) =>
    h("option", { value: count, selected: count === 30 }, t("share.days", { count }))));
  const load = async () => {
    const found = await context.api("GET", `/sessions/${id}/shares`);
    const alive = found.items.filter((/** @type {any} */ one) => !one.revoked_at && new Date(one.expires_at) > new Date());
    put(list, ...alive.map((/** @type {any} */ one) => h("li", {},
      h("span", {}, t("share.until", { date: dateTime(one.expires_at) })),
      h("button.button.small", { type: "button", on: { click: () => act(async () => {
        await context.api("DELETE", `/sessions/${id}/shares/${one.id}`);
        if (made.dataset.id === one.id) put(made);
      }) } }, t("share.revoke")))));
  };
  /** @param {() => Promise<void>} work */
  const act = async (work) => {
    try {
      await work();
      await load();
    } catch (error) {
      context.tell(error);
    }
  };
  openDialog(t("share.title"), () => [
    h("p", {}, t("share.about")),
    h("form.row", { on: { submit: (/** @type {Event} */ event) => {
      event.preventDefault();
      act(async () => {
        const share = await context.api("POST", `/sessions/${id}/shares`, { body: { expires_in_s: Number(days.value) * DAY_S } });
        // Behind a proxy the service may call itself otherwise than this page does.
        const url = `${location.origin}/shared/${share.token}`;
        made.dataset.id = share.id;
        put(made, h("label", { for: "share-url" }, t("share.once")),
          h("div.row", {}, h("input", { id: "share-url", value: url, readonly: true, dir: "ltr", on: { focus: (/** @type {any} */ one) => one.target.select() } }),
            copyButton(url, t("copy"), t("copy"))));
      });
    } } },
      h("label", { for: "share-days" }, t("share.for")), days,
      h("button.button.primary", { type: "submit" }, t("share.create"))),
    made, list,
  ]);
  act(async () => undefined);
}
