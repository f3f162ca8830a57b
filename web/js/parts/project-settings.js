// @ts-check
/** A project's name, its instructions and what stories get by default; and its end. What is typed is kept until it is saved. */

import { h, put, say, show } from "../dom.js";
import { keep, recall } from "../kept.js";
import { Refusal } from "../rest.js";
import { t } from "../t.js";
import { openDialog } from "./dialogs.js";

const LONGEST = 10_000;

/** @param {import("../views/project.js").ProjectView} view */
export function settingsPanel(view) {
  const { context, id } = view;
  const path = `/v1/projects/${id}`;
  const kept = `project.${id}.settings`;
  const name = h("input", { id: "set-name", maxlength: 200, required: true, dir: "auto" });
  const about = h("textarea", { id: "set-about", rows: 2, maxlength: 2000, dir: "auto" });
  const instructions = h("textarea", { id: "set-instructions", rows: 8, dir: "auto", "aria-describedby": "set-instructions-about" });
  const count = h("p.hint", { role: "status" });
  const template = h("select", { id: "set-template" }, h("option", { value: "" }, t("project.default.any")),
    ...view.templates.map((one) => h("option", { value: one.name }, one.title)));
  const model = h("select", { id: "set-model" }, h("option", { value: "" }, t("project.default.any")));
  const pages = h("input", { id: "set-pages", type: "number", min: 1, max: 100, step: 1, placeholder: t("project.default.any") });
  const save = h("button.button.primary", { type: "submit" }, t("save"));
  const discard = h("button.button", { type: "button", on: { click: () => {
    keep(kept, null);
    fill(view.project);
  } } }, t("edit.discard"));
  const conflict = h("div.trouble", { role: "alert", hidden: true });
  /** @type {Record<string, any>} */
  const boxes = { name, description: about, instructions, template, model, pages };
  /** The version that the texts in the boxes began from. */
  let base = 0;
  const fieldset = h("fieldset", {},
    field(t("project.name"), name), field(t("project.description"), about),
    h("div.field", {}, h("label", { for: instructions.id }, t("project.instructions")),
      h("p.hint", { id: "set-instructions-about" }, t("project.instructions.about")), instructions, count),
    h("h2", {}, t("project.defaults")),
    h("div.fields", {}, field(t("start.template"), template), field(t("start.model"), model), field(t("start.pages"), pages)));
  const form = h("form.settings-form", { on: {
    input: () => changed(),
    submit: (/** @type {Event} */ event) => {
      event.preventDefault();
      send(base);
    },
  } }, fieldset, conflict, h("div.buttons", {}, discard, save));
  const end = h("section.part.danger-zone", { hidden: true });
  context.models().then((models) => {
    for (const one of models) model.append(h("option", { value: one.name }, one.name));
    draw();
  }, () => null);

  /** @param {any} project */
  const valuesOf = (project) => ({
    name: project.name, description: project.description, instructions: project.instructions,
    template: project.defaults.template ?? "", model: project.defaults.model ?? "", pages: String(project.defaults.pages ?? ""),
  });
  const values = () => Object.fromEntries(Object.entries(boxes).map(([key, box]) => [key, box.value]));

  /** @param {any} project */
  function fill(project) {
    base = project.version;
    for (const [key, value] of Object.entries(valuesOf(project))) set(key, value);
    show(conflict, false);
    marked();
  }

  /** A model that is not offered any more is still the one that was chosen. @param {string} key @param {string} value */
  function set(key, value) {
    const box = boxes[key];
    box.value = value;
    if (box.value !== value && box instanceof HTMLSelectElement) {
      box.append(h("option", { value }, value));
      box.value = value;
    }
  }

  function changed() {
    keep(kept, { base, values: values() });
    marked();
  }

  function marked() {
    const length = [...instructions.value].length;
    const dirty = JSON.stringify(values()) !== JSON.stringify(valuesOf(view.project));
    say(count, length > LONGEST * 0.8 ? t("say.count", { count: length, most: LONGEST }) : "");
    save.disabled = !dirty || length > LONGEST;
    show(discard, dirty);
    if (!dirty) keep(kept, null);
  }

  /** @param {number} version */
  async function send(version) {
    const now = values();
    const defaults = {
      ...view.project.defaults, template: now.template || null, model: now.model || null, pages: now.pages ? Number(now.pages) : null,
    };
    const body = { name: now.name.trim(), description: now.description.trim(), instructions: now.instructions, defaults, version };
    save.disabled = true;
    try {
      const project = await context.api("PATCH", path, { body });
      keep(kept, null);
      view.changed(project);
      fill(project);
      context.toast(t("project.saved"));
    } catch (error) {
      save.disabled = false;
      if (error instanceof Refusal && error.code === "conflict" && !view.project.archived_at) await told(error);
      else context.tell(error);
    }
  }

  /** Somebody else was quicker: nothing that was typed goes. @param {Refusal} error */
  async function told(error) {
    let theirs;
    try {
      theirs = await context.api("GET", path);
    } catch {
      context.tell(error);
      return;
    }
    if (theirs.version === base) {
      context.tell(error);
      return;
    }
    const mine = values();
    const before = valuesOf(theirs);
    const other = Object.keys(before).filter((key) => /** @type {any} */ (before)[key] !== mine[key]);
    view.changed(theirs);
    put(conflict, h("p", {}, t("project.conflict")),
      ...other.filter((key) => ["name", "description", "instructions"].includes(key)).map((key) =>
        h("details", {}, h("summary", {}, t("project.conflict.theirs", { field: t(`project.${key}`) })), h("p.theirs", { dir: "auto" }, /** @type {any} */ (before)[key] || t("project.conflict.empty")))),
      h("div.buttons", {},
        h("button.button.small", { type: "button", on: { click: () => {
          keep(kept, null);
          fill(theirs);
        } } }, t("project.conflict.take")),
        h("button.button.small", { type: "button", on: { click: () => send(theirs.version) } }, t("project.conflict.mine"))));
    show(conflict, true);
    conflict.scrollIntoView({ block: "nearest" });
  }

  function draw() {
    const { project } = view;
    const waiting = recall(kept);
    if (!waiting) fill(project);
    else if (waiting.base) {
      base = waiting.base;
      for (const [key, value] of Object.entries(waiting.values)) set(key, String(value));
      marked();
    }
    fieldset.disabled = !view.mayWrite;
    show(save.parentElement ?? save, view.mayWrite);
    show(end, view.isOwner);
    put(end, h("h2", {}, t("project.end")),
      h("div.row", {}, h("p.grow", {}, t(project.archived_at ? "project.unarchive.about" : "project.archive.about")),
        h("button.button", { type: "button", on: { click: () => archive(!project.archived_at) } }, t(project.archived_at ? "project.unarchive" : "project.archive"))),
      h("div.row", {}, h("p.grow", {}, t("project.delete.about")),
        h("button.button.danger", { type: "button", on: { click: openDelete } }, t("project.delete"))));
  }

  /** @param {boolean} to */
  async function archive(to) {
    try {
      view.changed(await context.api("POST", `${path}/${to ? "archive" : "unarchive"}`));
    } catch (error) {
      context.tell(error);
      return;
    }
    end.querySelector("button")?.focus();
    context.toast(t(to ? "project.archived.done" : "project.unarchived.done"));
  }

  async function openDelete() {
    let total;
    try {
      ({ total } = await context.api("GET", "/v1/sessions", { query: { project_id: id, limit: 1 } }));
    } catch (error) {
      context.tell(error);
      return;
    }
    /** @param {string} value @param {string} words @param {boolean} on */
    const choice = (value, words, on) => h("label.check", {}, h("input", { type: "radio", name: "sessions", value, checked: on }), words);
    openDialog(t("project.delete.title"), (close) => [
      h("p", {}, t("project.delete.message", { name: view.project.name })),
      h("form", { on: { submit: async (/** @type {any} */ event) => {
        event.preventDefault();
        const sessions = new FormData(event.target).get("sessions") ?? "keep";
        try {
          const gone = await context.api("DELETE", path, { query: { sessions }, waitMs: 120_000 });
          close();
          context.toast(sessions === "delete" ? t("project.deleted.all", { count: gone.sessions_deleted }) : t("project.deleted.kept", { count: gone.sessions_kept }));
          context.go("/projects");
        } catch (error) {
          context.tell(error);
        }
      } } },
        total ? h("fieldset", {}, h("legend", {}, t("project.delete.sessions", { count: total })),
          choice("keep", t("project.delete.keep"), true), choice("delete", t("project.delete.all", { count: total }), false)) : null,
        h("div.buttons", {}, h("button.button", { type: "button", on: { click: close } }, t("no")),
          h("button.button.danger", { type: "submit" }, t("project.delete")))),
    ]);
  }

  return { node: h("div", {}, form, end), draw };
}

/** @param {string} words @param {any} control */
function field(words, control) {
  return h("div.field", {}, h("label", { for: control.id }, words), control);
}
