// @ts-check
/** A new chat: with whom, with which model, and what is said first. */

import { h, icon, put, say, show } from "../dom.js";
import { keep, recall } from "../kept.js";
import { Outbox } from "../outbox.js";
import { sideList } from "../parts/chat-list.js";
import { Said } from "../parts/said.js";
import { SayBox, moveDraft } from "../parts/say-box.js";
import { EMPTY, rows } from "../chat.js";
import { t } from "../t.js";

const KEPT = "chat-new";

/** @param {import("../main.js").Context} context */
export async function view(context) {
  const query = new URLSearchParams(location.search);
  const projectId = query.get("project");
  const [agents, models, project] = await Promise.all([
    context.agents(), context.models(), projectId ? context.api("GET", `/v1/projects/${projectId}`) : null,
  ]);
  return new NewChat(context, agents, models, project, query.get("agent"));
}

class NewChat {
  /** @param {import("../main.js").Context} context @param {any[]} agents @param {any[]} models @param {any} project @param {string | null} named */
  constructor(context, agents, models, project, named) {
    this.context = context;
    this.title = t("chat.new");
    this._project = project;
    this._place = project ? `new.${project.id}` : "new";
    const kept = recall(KEPT) ?? {};
    this._agent = agents.find((one) => one.name === (named ?? kept.agent)) ?? agents.find((one) => one.default) ?? agents[0];
    this._model = h("select", { id: "chat-model", on: { change: () => this._keep() } }, ...models.map((one) =>
      h("option", { value: one.default ? "" : one.name, selected: one.name === kept.model, title: one.description }, one.default ? t("start.model.default", { name: one.name }) : one.name)));
    this._greeting = h("p.greeting", { dir: "auto" });
    this._list = h("ol.turns", {});
    this.link = h("p.trouble", { role: "status", hidden: true });
    this._box = new SayBox(this._place, {
      label: t("say.first"), placeholder: t("say.first"), send: (text) => this._say(text),
    });
    this._side = sideList(context, null);
    this._release = () => {};
    /** @type {Map<string, Said>} */
    this._lines = new Map();
    const heading = h("h1", { id: "title", tabindex: -1 }, t("chat.new"));
    this.focus = matchMedia("(pointer: fine)").matches ? this._box.box : heading;
    this._choice = h("div", {},
      h("fieldset.templates", {}, h("legend", {}, t("chat.with")), h("div.cards", {}, ...[...agents].sort((a, b) => Number(b.default) - Number(a.default)).map((one) => this._card(one)))),
      models.length > 1 ? h("div.field.model", {}, h("label", { for: "chat-model" }, t("start.model")), this._model) : null);
    this.node = h("div.chat", {}, this._side.node,
      h("article.chat-main", { "aria-labelledby": "title" },
        h("header.chat-head", {}, heading, h("p.meta", {},
          project ? h("a.of-project", { href: `/project/${project.id}`, dir: "auto" }, icon("folder"), t("chat.inProject", { name: project.name })) : null,
          h("a.to-chats", { href: "/chats" }, t("chats.all")))),
        this.link, this._choice,
        h("div.log", {}, this._greeting, this._list),
        h("div.dock", {}, h("div.composer", {}, this._box.node))));
    this._onStatus = () => this._draw();
    context.connection.addEventListener("status", this._onStatus);
    this._outbox = new Outbox(context, this._place, { changed: () => this._draw(), created: (id) => this._created(id) });
    if (this._outbox.entries.length) this._release = context.connection.hold();
    this._shown();
    this._draw();
  }

  end() {
    this._outbox.end();
    this._box.end();
    this._side.end();
    this.context.connection.removeEventListener("status", this._onStatus);
    this._release();
  }

  /** @param {any} agent */
  _card(agent) {
    const radio = h("input", { type: "radio", name: "agent", id: `agent-${agent.name}`, value: agent.name, checked: agent === this._agent, on: { change: () => {
      this._agent = agent;
      this._keep();
      this._shown();
    } } });
    return h("label.card", { for: radio.id }, radio, h("strong", {}, agent.title), h("span", {}, agent.description));
  }

  _keep() {
    keep(KEPT, { agent: this._agent.name, model: this._model.value });
  }

  _shown() {
    put(this._greeting, h("strong", {}, this._agent.title), " ", this._agent.greeting);
  }

  _draw() {
    const entries = this._outbox.entries;
    const { status } = this.context.connection;
    show(this._choice, entries.length === 0);
    const lines = rows(EMPTY, entries, { connected: this.context.connection.isHopeful });
    for (const [id, line] of this._lines) if (!lines.some((one) => one.id === id)) {
      line.node.remove();
      this._lines.delete(id);
    }
    for (const row of lines) {
      let line = this._lines.get(row.id);
      if (!line) {
        line = new Said(this._hands(), row);
        this._lines.set(row.id, line);
        this._list.append(line.node);
      }
      line.draw(row, { siblings: [], busy: true });
    }
    show(this.link, entries.length > 0 && status === "waiting");
    say(this.link, navigator.onLine === false ? t("chat.offline") : t("chat.lost"));
  }

  /** @returns {import("../parts/said.js").Hands} */
  _hands() {
    return {
      me: this.context.signin.tokens?.user_id ?? "", name: () => t("you"), templates: [], mayWrite: true, story: () => null, chat: this._place,
      project: null, begin: async () => {}, edit: () => false, regenerate: () => {}, turn: () => {},
      again: (row) => this._outbox.again(row.id),
      takeBack: (row) => {
        const entry = this._outbox.remove(row.id);
        if (entry) this._box.giveBack(entry.text);
      },
    };
  }

  /** @param {string} text */
  _say(text) {
    if (this._outbox.entries.length) {
      this.context.toast(t("chat.oneFirst"));
      return false;
    }
    const { context } = this;
    if (!context.signin.known) {
      // The text stays in the box until there is somebody whose it is.
      context.signedIn().then((known) => known && this._box.node.requestSubmit(), (error) => context.tell(error));
      return false;
    }
    this._keep();
    this._release();
    this._release = context.connection.hold();
    this._outbox.add({
      kind: "send", text, session_id: null, agent: this._agent.name, model: this._model.value || undefined, project_id: this._project?.id,
    });
    return true;
  }

  /** @param {string} id */
  _created(id) {
    moveDraft(this._place, id);
    this.context.go(`/chat/${id}`, { replace: true });
  }
}
