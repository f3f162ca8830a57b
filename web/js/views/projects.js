// @ts-check
/** All projects that somebody is a member of. */

import { h, icon, put, say, show } from "../dom.js";
import { keep, recall } from "../kept.js";
import { openDialog } from "../parts/dialogs.js";
import { ago, t } from "../t.js";

const PAGE = 20;
const TYPED_MS = 250;
const KEPT = "project.new";

/** @param {import("../main.js").Context} context */
export async function view(context) {
  let pages = 1;
  let typed = 0;
  let asked = 0;
  const told = (/** @type {unknown} */ error) => context.tell(error);
  const search = h("input", { id: "q", type: "search", maxlength: 200, placeholder: t("projects.search"), dir: "auto", on: { input: () => {
    clearTimeout(typed);
    typed = setTimeout(() => load().catch(told), TYPED_MS);
  } } });
  const archived = h("input", { type: "checkbox", id: "archived", on: { change: () => load().catch(told) } });
  const list = h("ul.stories", {});
  const empty = h("div.nothing", { hidden: true });
  const count = h("p.visually-hidden", { role: "status" });
  const more = h("button.button", { type: "button", hidden: true, on: { click: () => {
    pages += 1;
    load().catch(told);
  } } }, t("dashboard.more"));

  async function load() {
    const mine = ++asked;
    const q = search.value.trim();
    /** @type {any[]} */
    const found = [];
    let cursor = null;
    for (let page = 0; page < pages && (page === 0 || cursor) && context.signin.known; page += 1) {
      const query = { q, archived: archived.checked ? null : false, limit: PAGE, cursor };
      const answer = await context.api("GET", "/v1/projects", { query });
      found.push(...answer.items);
      cursor = answer.next_cursor;
    }
    // What was asked for first may be answered last.
    if (mine !== asked) return;
    put(list, ...found.map(row));
    show(more, cursor !== null);
    show(empty, found.length === 0);
    put(empty, h("p", {}, t(q ? "projects.noneFound" : "projects.none")),
      q ? null : h("p", {}, h("button.button.primary", { type: "button", on: { click: () => openNew(context) } }, t("project.new"))));
    say(count, t("projects.count", { count: found.length }));
  }

  await load();
  const focus = h("h1", { tabindex: -1 }, t("projects"));
  return {
    title: t("projects"),
    focus,
    node: h("section.dashboard", {}, focus,
      h("form.filters.two", { role: "search", on: { submit: (/** @type {Event} */ event) => event.preventDefault() } },
        h("label.visually-hidden", { for: "q" }, t("projects.search")), search,
        h("button.button.primary", { type: "button", on: { click: () => openNew(context) } }, icon("plus"), t("project.new")),
        h("label.check", { for: "archived" }, archived, t("projects.archived"))),
      count, list, empty, h("p.more-row", {}, more)),
    end: () => clearTimeout(typed),
  };
}

/** @param {any} project */
function row(project) {
  return h("li.story", { data: { project: project.id } },
    h("div.about", {},
      h("a.name", { href: `/project/${project.id}`, dir: "auto" }, project.name),
      project.description ? h("p.preview", { dir: "auto" }, project.description) : null,
      h("p.meta", {}, project.archived_at ? h("span.tag", {}, t("project.archived")) : null,
        project.role ? h("span", {}, t(`role.${project.role}`)) : null,
        h("span", {}, t("project.members", { count: project.members })), h("span", {}, ago(project.updated_at)))));
}

/** @param {import("../main.js").Context} context */
function openNew(context) {
  const kept = recall(KEPT) ?? {};
  const key = crypto.randomUUID();
  const changed = () => keep(KEPT, name.value || about.value ? { name: name.value, about: about.value } : null);
  const name = h("input", { id: "project-name", maxlength: 200, required: true, dir: "auto", autofocus: true, value: kept.name ?? "", on: { input: changed } });
  const about = h("textarea", { id: "project-about", rows: 3, maxlength: 2000, dir: "auto", value: kept.about ?? "", on: { input: changed } });
  const button = h("button.button.primary", { type: "submit" }, t("project.create"));
  openDialog(t("project.new"), (close) => [
    h("p", {}, t("project.new.about")),
    h("form", { on: { submit: async (/** @type {Event} */ event) => {
      event.preventDefault();
      button.disabled = true;
      try {
        if (!(await context.signedIn())) return;
        const body = { name: name.value.trim(), description: about.value.trim() };
        const made = await context.api("POST", "/v1/projects", { body, key });
        keep(KEPT, null);
        close();
        context.go(`/project/${made.id}`);
      } catch (error) {
        context.tell(error);
      } finally {
        button.disabled = false;
      }
    } } },
      h("div.field", {}, h("label", { for: "project-name" }, t("project.name")), name),
      h("div.field", {}, h("label", { for: "project-about" }, t("project.description")), about),
      h("div.buttons", {}, button)),
  ]);
}
