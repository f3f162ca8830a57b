// @ts-check
/** A project: what is written and said in it, what all of that shares, and who takes part. */

import { h, icon, put, say, show } from "../dom.js";
import { biblePanel } from "../parts/project-bible.js";
import { peoplePanel } from "../parts/project-people.js";
import { settingsPanel } from "../parts/project-settings.js";
import { workPanel } from "../parts/project-work.js";
import { tabs } from "../parts/tabs.js";
import { t } from "../t.js";

/** @param {import("../main.js").Context} context @param {string} id */
export async function view(context, id) {
  const [project, templates] = await Promise.all([context.api("GET", `/v1/projects/${id}`), context.templates()]);
  return new ProjectView(context, project, templates);
}

export class ProjectView {
  /** @param {import("../main.js").Context} context @param {any} project @param {any[]} templates */
  constructor(context, project, templates) {
    this.context = context;
    this.id = project.id;
    this.project = project;
    this.templates = templates;
    this.title = project.name;
    this.heading = h("h1", { id: "title", tabindex: -1, dir: "auto" });
    this.focus = this.heading;
    this._meta = h("p.meta", {});
    this._about = h("p.about-project", { dir: "auto" });
    this._archived = h("p.notice", {});
    this._starts = h("div.actions", {});
    this.work = workPanel(this);
    const bible = biblePanel(this);
    const people = peoplePanel(this);
    this._settings = settingsPanel(this);
    const panels = tabs(t("project.parts"), [
      { id: "work", words: t("project.work"), panel: h("div", {}, this.work.node) },
      { id: "bible", words: t("project.bible"), panel: h("div", {}, bible.node), opened: () => bible.load() },
      { id: "people", words: t("project.people"), panel: h("div", {}, people.node), opened: () => people.load() },
      { id: "settings", words: t("project.settings"), panel: h("div", {}, this._settings.node) },
    ]);
    this._bible = bible;
    this.node = h("article.project", { "aria-labelledby": "title" },
      h("header.session-head", {}, h("div.titles", {}, this.heading, this._meta, this._about), this._starts),
      this._archived, panels.list, ...panels.panels);
    this.draw();
    this.work.load();
    this._refresh = setInterval(() => document.hidden || this.work.load({ quiet: true }), 5000);
  }

  end() {
    clearInterval(this._refresh);
  }

  /** Whether something may be written and said in it, and changed of it. */
  get mayWrite() {
    return ["owner", "editor"].includes(this.project.role) && !this.project.archived_at;
  }

  get isOwner() {
    return this.project.role === "owner";
  }

  draw() {
    const { project } = this;
    say(this.heading, project.name);
    document.title = `${project.name} · Storyloom`;
    put(this._meta, icon("folder"), project.role ? h("span", {}, t(`role.you.${project.role}`)) : null,
      h("span", {}, t("project.members", { count: project.members })), h("a", { href: "/projects" }, t("projects.all")));
    say(this._about, project.description);
    show(this._about, project.description !== "");
    say(this._archived, t("project.archived.about"));
    show(this._archived, project.archived_at !== null);
    put(this._starts, ...(this.mayWrite ? [
      h("a.button", { href: `/chat?project=${this.id}` }, icon("talk"), t("chat.new")),
      h("a.button.primary", { href: `/?project=${this.id}` }, icon("spark"), t("nav.new")),
    ] : []));
    this._settings.draw();
  }

  /** It is otherwise now. @param {any} project */
  changed(project) {
    this.project = project;
    this.draw();
    this._bible.draw();
  }
}
