// @ts-check
/** What the stories of a project share, each entry with where it comes from, and what completed stories offer to it. */

import { h, icon, put, show } from "../dom.js";
import { keep, recall } from "../kept.js";
import { Refusal } from "../rest.js";
import { t } from "../t.js";
import { openDialog } from "./dialogs.js";

const KINDS = ["person", "place", "rule", "fact"];
/** @type {Record<string, string[]>} */
const FIELDS = { person: ["name", "role", "description", "voice"], place: ["name", "description"], rule: ["text"], fact: ["text"] };
const NEEDED = new Set(["name", "description", "text"]);
/** Of stories without anything to offer, so many pages are passed over at once. */
const PAGES_AT_ONCE = 5;

/** @param {import("../views/project.js").ProjectView} view */
export function biblePanel(view) {
  const { context, id } = view;
  const path = `/v1/projects/${id}`;
  /** @type {any[]} */
  let entries = [];
  /** @type {any[]} */
  let offers = [];
  let cursor = /** @type {string | null} */ (null);
  let loaded = false;
  const offered = h("section.offers", { hidden: true, "aria-labelledby": "offers" });
  const list = h("div", {});
  const add = h("button.button", { type: "button", on: { click: () => openEntry(null) } }, icon("plus"), t("bible.add"));
  const node = h("div", {}, h("div.row", {}, h("p.hint.grow", {}, t("bible.about")), add), offered, list);

  async function load() {
    try {
      const [found] = await Promise.all([context.api("GET", `${path}/bible`), loadOffers()]);
      entries = found.items;
      loaded = true;
      draw();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      context.tell(error);
    }
  }

  /** @param {string | null} [from] */
  async function loadOffers(from = null) {
    /** @type {any[]} */
    const found = from === null ? [] : offers;
    cursor = from;
    for (let page = 0; page < PAGES_AT_ONCE; page += 1) {
      const answer = await context.api("GET", `${path}/offers`, { query: { limit: 20, cursor } });
      found.push(...answer.items);
      cursor = answer.next_cursor;
      if (!cursor || answer.items.length) break;
    }
    offers = found;
  }

  function draw() {
    show(add, view.mayWrite);
    if (!loaded) return;
    show(offered, offers.length > 0);
    put(offered, h("h2", { id: "offers" }, t("offers")), h("p.hint", {}, t("offers.about")), ...offers.map(story),
      cursor ? h("button.button.small", { type: "button", on: { click: () => act(() => loadOffers(cursor)) } }, t("dashboard.more")) : null);
    put(list, entries.length ? null : h("p.empty", {}, t("bible.none")), ...KINDS.map((kind) => {
      const of = entries.filter((one) => one.kind === kind);
      return of.length ? h("section.part", {}, h("h2", {}, t(`bible.${kind}.many`)), h("ul.lore", {}, ...of.map(entryRow))) : null;
    }));
  }

  /** @param {any} entry */
  function entryRow(entry) {
    const title = entry.name ?? entry.text;
    return h("li", { data: { entry: entry.id } },
      h("div.about", {}, ...said(entry), h("p.meta", {}, ...source(entry.source))),
      view.mayWrite ? h("div.buttons", {},
        h("button.icon-button", { type: "button", "aria-label": t("bible.edit", { title }), title: t("edit"), on: { click: () => openEntry(entry) } }, icon("edit")),
        h("button.icon-button", { type: "button", "aria-label": t("bible.remove.of", { title }), title: t("bible.remove"), on: { click: () => remove(entry, title) } }, icon("trash"))) : null);
  }

  /** @param {any} entry @param {string} title */
  async function remove(entry, title) {
    if (!(await context.ask(t("bible.remove.title"), t("bible.remove.about", { title }), t("bible.remove"), { danger: true }))) return;
    await act(() => context.api("DELETE", `${path}/bible/${entry.id}`));
    /** @type {HTMLElement | null} */ (list.querySelector("button") ?? add)?.focus();
  }

  /** @param {any} of a story and what it offers */
  function story(of) {
    /** @param {any} body */
    const settle = (body) => act(() => context.api("POST", `${path}/offers/${of.session_id}`, { body }));
    return h("section.offer", {},
      h("div.row", {},
        h("h3.grow", {}, h("a", { href: `/s/${of.session_id}`, dir: "auto" }, of.title)),
        view.mayWrite && of.offers.length > 1 ? h("div.buttons", {},
          h("button.button.small", { type: "button", "aria-label": t("offers.accept.all.of", { title: of.title }), on: { click: () => settle({ accept: "all" }) } }, t("offers.accept.all")),
          h("button.button.small", { type: "button", "aria-label": t("offers.dismiss.all.of", { title: of.title }), on: { click: () => settle({ dismiss: "all" }) } }, t("offers.dismiss.all"))) : null),
      h("ul.lore", {}, ...of.offers.map((/** @type {any} */ offer) => {
        const title = offer.name ?? offer.text;
        const before = offer.replaces && entries.find((one) => one.id === offer.replaces);
        return h("li", { data: { offer: offer.id } },
          h("div.about", {}, h("p.label", {}, t(`bible.${offer.kind}`)), ...said(offer),
            before ? h("details", {}, h("summary", {}, t("offers.replaces")), ...said(before)) : null),
          view.mayWrite ? h("div.buttons", {},
            h("button.button.small.primary", { type: "button", "aria-label": t("offers.accept.of", { title }), on: { click: () => settle({ accept: [offer.id] }) } }, t("offers.accept")),
            h("button.button.small", { type: "button", "aria-label": t("offers.dismiss.of", { title }), on: { click: () => settle({ dismiss: [offer.id] }) } }, t("offers.dismiss"))) : null);
      })));
  }

  /** @param {() => Promise<any>} work @returns {Promise<boolean>} */
  async function act(work) {
    try {
      await work();
    } catch (error) {
      context.tell(error);
      return false;
    }
    await load();
    return true;
  }

  /** What is typed is kept until it is saved. @param {any} entry null for a new one */
  function openEntry(entry) {
    const name = `project.${id}.entry.${entry?.id ?? "new"}`;
    const kept = recall(name) ?? entry ?? {};
    const key = crypto.randomUUID();
    const kind = h("select", { id: "entry-kind", disabled: entry !== null, on: { change: () => shown() } },
      ...KINDS.map((one) => h("option", { value: one, selected: one === (entry?.kind ?? kept.kind) }, t(`bible.${one}`))));
    const boxes = Object.fromEntries(["name", "role", "description", "voice", "text"].map((field) => [field,
      field === "name" || field === "role"
        ? h("input", { id: `entry-${field}`, maxlength: 200, dir: "auto", value: kept[field] ?? "", on: { input: () => changed() } })
        : h("textarea", { id: `entry-${field}`, rows: field === "voice" ? 2 : 4, maxlength: 2000, dir: "auto", value: kept[field] ?? "", on: { input: () => changed() } })]));
    const fields = Object.fromEntries(Object.entries(boxes).map(([field, box]) =>
      [field, h("div.field", {}, h("label", { for: box.id }, t(`bible.field.${field}`)), box)]));
    const values = () => Object.fromEntries(FIELDS[kind.value].map((field) => [field, boxes[field].value.trim()]));
    const changed = () => keep(name, { ...values(), kind: kind.value });
    const shown = () => {
      for (const [field, node_] of Object.entries(fields)) {
        const on = FIELDS[kind.value].includes(field);
        show(node_, on);
        boxes[field].required = on && NEEDED.has(field);
      }
    };
    shown();
    openDialog(t(entry ? "bible.edit.title" : "bible.add"), (close) => [
      h("form", { on: { submit: async (/** @type {Event} */ event) => {
        event.preventDefault();
        const done = await act(() => (entry
          ? context.api("PATCH", `${path}/bible/${entry.id}`, { body: values() })
          : context.api("POST", `${path}/bible`, { body: { kind: kind.value, ...values() }, key })));
        if (!done) return;
        keep(name, null);
        close();
      } } },
        h("div.field", {}, h("label", { for: "entry-kind" }, t("bible.kind")), kind), ...Object.values(fields),
        h("div.buttons", {},
          h("button.button", { type: "button", on: { click: () => {
            keep(name, null);
            close();
          } } }, t("edit.discard")),
          h("button.button.primary", { type: "submit" }, t("save")))),
    ]);
  }

  return { node, load, draw };
}

/** @param {any} lore @returns {Node[]} */
function said(lore) {
  const parts = [
    lore.name ? h("p.name", { dir: "auto" }, lore.name, lore.role ? h("span.hint", {}, ` · ${lore.role}`) : null) : null,
    lore.description || lore.text ? h("p", { dir: "auto" }, lore.description || lore.text) : null,
    lore.voice ? h("p.hint", { dir: "auto" }, t("bible.voice", { voice: lore.voice })) : null,
  ];
  return parts.filter((one) => one !== null);
}

/** @param {any} from @returns {(Node | string)[]} */
function source(from) {
  const words = t(`source.${from.how}`);
  if (!from.session_id) return [h("span", {}, words)];
  const address = from.how === "noted" ? `/chat/${from.session_id}` : `/s/${from.session_id}`;
  return [h("span", {}, words, " ", h("a", { href: address, dir: "auto" }, from.title || t("source.there")))];
}
