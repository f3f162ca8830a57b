// @ts-check
/** One session: watched while it is written, taken part in, and kept. */

import { stageName, statusName, stepName } from "../cast.js";
import { h, icon, put, say, show } from "../dom.js";
import { STORY, live } from "../live.js";
import { render } from "../markdown.js";
import { Cast, Meter } from "../parts/cast.js";
import { Composer } from "../parts/composer.js";
import { copyButton } from "../parts/copy.js";
import { openEditor } from "../parts/editor.js";
import { exportMenu } from "../parts/export.js";
import { openFork } from "../parts/fork.js";
import { ledgerPanel } from "../parts/ledger.js";
import { Page } from "../parts/page.js";
import { passageTool } from "../parts/passage.js";
import { scoresPanel } from "../parts/scores.js";
import { openShares } from "../parts/share.js";
import { tabs } from "../parts/tabs.js";
import { Talk } from "../parts/talk.js";
import { stepsPanel } from "../parts/steps.js";
import { versionsPanel } from "../parts/versions.js";
import { proseOf, settled, withWriting, words } from "../reading.js";
import { FINISHED } from "../state.js";
import { duration, money, t } from "../t.js";
import { renameDialog } from "../parts/rename.js";
import { Refusal } from "../rest.js";

/** Within this of the end, whoever reads along is taken along. */
const NEAR_PX = 160;

/** @param {import("../main.js").Context} context @param {string} id */
export async function view(context, id) {
  const [session, templates] = await Promise.all([context.api("GET", `/sessions/${id}`), context.templates()]);
  if (session.kind === "chat") {
    context.go(`/chat/${id}`, { replace: true });
    return { title: session.title, node: h("div", {}) };
  }
  const template = templates.find((one) => one.name === session.template);
  const project = session.project_id ? await projectOf(context, session.project_id) : null;
  return new SessionView(context, id, session, template, project);
}

/** What the page says of the project; a story goes on without it. @param {import("../main.js").Context} context @param {string} id */
async function projectOf(context, id) {
  try {
    return await context.api("GET", `/v1/projects/${id}`);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return null;
  }
}

class SessionView {
  /** @param {import("../main.js").Context} context @param {string} id @param {any} session @param {any} template @param {any} project */
  constructor(context, id, session, template, project) {
    this.context = context;
    this.project = project;
    /** Who may only read a project takes no part in its stories. */
    this.mayWrite = session.user_id === context.signin.tokens?.user_id || project?.role !== "viewer";
    this.id = id;
    this.template = template;
    this.title = session.title;
    this.node = h("article.session", { "aria-labelledby": "title" });
    this.accent = template?.theme.accent;
    /** @type {any[]} those before the snapshot's */
    this._older = [];
    /** @type {Map<number, any>} */
    this._drafts = new Map();
    this._fetching = 0;
    this._follow = true;
    this._progressAt = Date.now();
    /** @type {any[]} */
    this._seen = [];
    this._build(session);
    this._live = live(context.connection, id, {
      draw: (state) => this._draw(state),
      event: (event, state) => this._event(event, state),
      refused: (error) => this._refused(error),
    }, STORY);
    this._onScroll = () => this._scrolled();
    addEventListener("scroll", this._onScroll, { passive: true });
    this._onStatus = () => this._connection();
    context.connection.addEventListener("status", this._onStatus);
    this._ticking = setInterval(() => this._live.state.status === "active" && this._live.redraw(), 1000);
    this.steps.load();
  }

  end() {
    this._live.end();
    clearInterval(this._ticking);
    removeEventListener("scroll", this._onScroll);
    this.context.connection.removeEventListener("status", this._onStatus);
    this._passage?.end();
  }

  get state() {
    return this._live.state;
  }

  /** @param {any} session */
  _build(session) {
    const { context } = this;
    this.heading = h("h1", { id: "title", dir: "auto", tabindex: -1 }, session.title);
    this.focus = this.heading;
    this.status = h("span.status", { data: { status: session.status } }, statusName(session.status));
    this.link = h("p.trouble", { role: "status", hidden: true });
    this.queue = h("span.queue", {});
    this.actions = h("div.actions", {});
    this.cast = new Cast(this.template?.cast ?? []);
    this.meter = new Meter();
    this.page = new Page();
    this.plan = h("div.plan", {});
    this.empty = h("p.empty", {}, t("reading.none"));
    this.more = h("button.follow", { type: "button", hidden: true, on: { click: () => this._toEnd() } }, icon("down"), t("reading.follow"));
    this.reading = h("section.reading", { "aria-label": t("reading") }, this.plan, this.page.node, this.empty);
    this.composer = new Composer(this);
    this.talk = new Talk();
    this.steps = stepsPanel(context, this.id);
    this.versions = versionsPanel(this);
    this.scores = scoresPanel(this);
    this.ledger = ledgerPanel(this);
    const panels = tabs(t("panel"), [
      { id: "talk", words: t("panel.talk"), panel: h("div.panel", {}, this.talk.node) },
      { id: "steps", words: t("panel.steps"), panel: h("div.panel", {}, this.steps.node) },
      { id: "versions", words: t("panel.versions"), panel: h("div.panel", {}, this.versions.node), opened: () => this.versions.load() },
      { id: "scores", words: t("panel.scores"), panel: h("div.panel", {}, this.scores.node), opened: () => this.scores.load() },
      { id: "ledger", words: t("panel.ledger"), panel: h("div.panel", {}, this.ledger.node), opened: () => this.ledger.load() },
    ]);
    this.panels = panels;
    this.box = h("div.box", {}, panels.list, ...panels.panels);
    this.rename = h("button.icon-button", { type: "button", "aria-label": t("rename"), title: t("rename"),
      on: { click: () => renameDialog(context, this.id, this.state.title || session.title) } }, icon("edit"));
    put(this.node,
      h("header.session-head", {},
        h("div.titles", {},
          h("div.title-row", {}, this.heading, this.mayWrite ? this.rename : null),
          h("p.meta", {}, this.status, this.queue,
            h("span", {}, this.template?.title ?? session.template),
            h("span", {}, session.model),
            h("span.id", {}, h("code", { title: t("session.id") }, this.id), copyButton(this.id, t("session.copy"))),
            this.project ? h("a.of-project", { href: `/project/${this.project.id}`, dir: "auto" }, icon("folder"), this.project.name) : null,
            session.parent_session_id ? h("a", { href: `/s/${session.parent_session_id}` }, t("session.parent")) : null)),
        this.actions),
      this.link,
      h("div.columns", {},
        h("div.middle", {}, this.reading, h("div.dock", {}, this.more, this.composer.node)),
        h("aside.side", { "aria-label": t("panel") },
          h("div.watch", {}, this.cast.node, this.meter.node),
          this.box)));
    context.offers("POST", "/sessions/{session_id}/rewrite").then((offered) => {
      if (offered && this.mayWrite) this._passage = passageTool(this);
    }, () => null);
  }

  // -- What has come -------------------------------------------------------------------------------------------------

  /** @param {any} event @param {import("../state.js").State} state */
  _event(event, state) {
    if (event.type === "session.snapshot") {
      this._older = this._older.filter((message) => message.seq < (state.messages[0]?.seq ?? Infinity));
      this._keepDraft(event.draft);
      this._fetchOlder(state);
      this.steps.load();
    } else if (event.type === "progress") {
      this._progressAt = Date.now();
    } else if (event.type === "agent.message") {
      this._kept(event.message);
    }
    this.steps.event(event);
    this._say(event, state);
  }

  /** A message that the state will let go of is still shown. @param {any} message */
  _kept(message) {
    this._seen.push(message);
  }

  /** @param {import("../state.js").State} state @returns {any[]} */
  _messages(state) {
    const told = [state.messages, this._older, this._seen.length];
    if (this._all && told.every((one, index) => one === this._allOf?.[index])) return this._all;
    this._allOf = told;
    this._all = this._joined(state);
    return this._all;
  }

  /** @param {import("../state.js").State} state @returns {any[]} */
  _joined(state) {
    const first = state.messages[0]?.seq ?? Infinity;
    const between = this._seen.filter((message) => message.seq < first);
    const known = new Map([...this._older, ...between].filter((message) => message.seq < first).map((one) => [one.id, one]));
    return known.size ? [...known.values(), ...state.messages] : state.messages;
  }

  /** @param {import("../state.js").State} state */
  async _fetchOlder(state) {
    const first = state.messages[0]?.seq ?? 1;
    let cursor = null;
    /** @type {any[]} */
    const older = [];
    while (first > 1 && (older.at(-1)?.seq ?? 0) < first - 1) {
      let found;
      try {
        found = await this.context.api("GET", `/sessions/${this.id}/messages`, { query: { limit: 100, cursor } });
      } catch {
        return; // The story is whole without the oldest talk; a reload asks again.
      }
      older.push(...found.items);
      cursor = found.next_cursor;
      if (!cursor) break;
    }
    if (older.length) {
      this._older = older.filter((message) => message.seq < first);
      this._live.redraw();
    }
  }

  /** @param {any} draft */
  _keepDraft(draft) {
    if (draft?.content !== undefined && draft?.content !== null) this._drafts.set(draft.version, draft);
  }

  /** The newest draft of which the text is here; asks for the current one where it isn't. @param {import("../state.js").State} state */
  _draft(state) {
    const version = state.draft?.version ?? 0;
    if (!version) return null;
    const known = this._drafts.get(version);
    if (!known && this._fetching !== version) {
      this._fetching = version;
      this.context.api("GET", `/sessions/${this.id}/drafts/${version}`).then((draft) => {
        this._keepDraft(draft);
        this._live.redraw();
      }, () => {
        this._fetching = 0;
      });
    }
    return known ?? [...this._drafts.values()].filter((one) => one.version < version).at(-1) ?? null;
  }

  /** The text of a version. @param {number} version */
  async draft(version) {
    if (!this._drafts.has(version)) {
      this._keepDraft(await this.context.api("GET", `/sessions/${this.id}/drafts/${version}`));
    }
    return this._drafts.get(version);
  }

  // -- What is shown -------------------------------------------------------------------------------------------------

  /** @param {import("../state.js").State} state */
  _draw(state) {
    if (!state.session) return;
    const step = state.step?.step ?? (state.status === "active" ? state.progress.current_step : null);
    const messages = this._messages(state);
    const over = FINISHED.includes(state.status);
    this.step = step;
    this._top(state);
    this.cast.draw(state, state.step?.agent ?? this.steps.running, step);
    this.meter.draw(state, this._figures(state, step), stageName);
    show(this.meter.node, !over || state.status !== "completed");
    show(this.cast.node, !over);
    const draft = this._draft(state);
    // What was being written stays until the version that has kept it is here.
    const here = !state.draft || draft?.version === state.draft.version;
    const partial = over && here ? null : state.partial;
    const known = [draft, messages, over];
    if (known.some((one, index) => one !== this._known?.[index])) {
      this._known = known;
      this._settled = settled({ draft, messages, over });
    }
    const pieces = withWriting(this._settled ?? [], partial, step);
    const end = this._follow && state.status === "active" ? this._nearEnd() : false;
    this.page.draw(pieces);
    this.current = draft && draft.version === state.draft?.version ? draft : null;
    this._plan(state, messages, pieces.length > 0);
    show(this.empty, !pieces.length && !this.plan.hasChildNodes());
    this.talk.draw(messages, partial, step);
    if (this.mayWrite) this.composer.draw(state);
    this.steps.draw(state);
    this._versions(state);
    if (end) this._toEnd();
    this._scrolled();
  }

  /** @param {import("../state.js").State} state */
  _top(state) {
    if (state.title && this.heading.textContent !== state.title) {
      say(this.heading, state.title);
      document.title = `${state.title} · Storyloom`;
    }
    const status = state.pausing ? "pausing" : state.status;
    if (this.status.dataset.status !== status) this.status.dataset.status = status;
    say(this.status, statusName(status));
    say(this.queue, state.queue_place ? t("session.queue", { count: state.queue_place }) : "");
    const told = [state.status, state.pausing, state.draft !== null].join();
    if (this._told === told) return;
    this._told = told;
    const focused = document.activeElement?.getAttribute("data-action");
    put(this.actions, ...this._buttons(state));
    if (focused) /** @type {HTMLElement | null} */ (this.actions.querySelector(`[data-action="${focused}"]`) ?? this.actions.querySelector("button"))?.focus();
  }

  /** @param {import("../state.js").State} state */
  _buttons(state) {
    const { context, id } = this;
    const over = FINISHED.includes(state.status);
    const may = this.mayWrite;
    /** @param {string} action @param {string} words @param {string} sign @param {() => void} then @param {string} [kind] */
    const button = (action, words, sign, then, kind = "") =>
      h(`button.button.small${kind}`, { type: "button", data: { action }, on: { click: then } }, icon(sign), words);
    const found = [];
    if (may && state.status === "active" && !state.pausing) found.push(button("pause", t("pause"), "pause", () => this.act("pause")));
    if (may && ["paused", "failed", "expired"].includes(state.status)) found.push(button("resume", t("resume"), "play", () => this.composer.resume(), ".primary"));
    if (may && state.pausing) found.push(button("resume", t("pause.undo"), "play", () => this.act("resume")));
    if (may && !over) found.push(button("cancel", t("cancel"), "stop", () => this._cancel()));
    if (state.draft) {
      found.push(h("a.button.small", { href: `/s/${id}/read`, data: { action: "read" } }, icon("book"), t("read")));
      if (may && state.status !== "active") found.push(button("edit", t("edit"), "edit", () => openEditor(this)));
      found.push(exportMenu(context, id));
      if (may) found.push(button("share", t("share"), "share", () => openShares(context, id)));
      if (may) found.push(button("fork", t("fork"), "fork", () => openFork(this, this.state.draft?.version ?? null)));
    }
    // On a phone it stands below the whole text.
    found.push(button("panel", t("panel.to"), "down", () => {
      this.box.scrollIntoView();
      /** @type {HTMLElement} */ (this.box.querySelector('[aria-selected="true"]')).focus({ preventScroll: true });
    }, ".to-panel"));
    return found;
  }

  async _cancel() {
    if (await this.context.ask(t("cancel.title"), t("cancel.message"), t("cancel.yes"), { danger: true })) await this.act("cancel");
  }

  /** @param {string} action @param {unknown} [body] @returns {Promise<boolean>} whether it was done */
  async act(action, body) {
    try {
      await this.context.api("POST", `/sessions/${this.id}/${action}`, { body });
      return true;
    } catch (error) {
      this.context.tell(error);
      return false;
    }
  }

  /** @param {import("../state.js").State} state @param {string | null} step */
  _figures(state, step) {
    const progress = state.progress;
    const writing = state.partial && proseOf(step)?.kind === "draft" ? words(state.partial.text) : 0;
    const left = progress.eta_s === null || state.status !== "active" ? null
      : Math.max(1, progress.eta_s - (Date.now() - this._progressAt) / 1000);
    const done = Math.min(progress.completed_steps + 1, progress.total_steps);
    return {
      now: step && state.status === "active" ? t("meter.step", { step: stepName(step), done, total: progress.total_steps }) : "",
      words: progress.words + writing,
      left: left === null ? "" : t("meter.left", { time: duration(left) }),
      cost: t("meter.tokens", { count: state.tokens }) + (state.cost_usd > 0 ? ` · ${money(state.cost_usd)}` : ""),
    };
  }

  /** What the story is planned to be, until there is text; then folded away. @param {any} state @param {any[]} messages @param {boolean} text */
  _plan(state, messages, text) {
    const waits = state.status === "awaiting_approval" && /^approve-outline/.test(state.approval?.step ?? "");
    const outline = waits ? state.approval.content : messages.filter((one) => /^outline(-\d+)?$/.test(one.step ?? "") && one.role === "assistant").at(-1)?.content;
    const told = outline ? `${text && !waits} ${outline}` : "";
    if (this._planned === told) return;
    this._planned = told;
    if (!outline) put(this.plan);
    else if (text && !waits) {
      const body = h("div", {});
      const details = h("details", {}, h("summary", {}, t("reading.outline")), body);
      details.addEventListener("toggle", () => body.hasChildNodes() || body.append(render(outline, { top: 2 })), { once: true });
      put(this.plan, details);
    } else put(this.plan, h("p.label", {}, t("reading.outline")), render(outline, { top: 2 }));
  }

  /** @param {import("../state.js").State} state */
  _versions(state) {
    const told = `${state.draft?.version} ${JSON.stringify(state.draft?.scores ?? null)} ${state.status}`;
    if (this._versionsTold === told) return;
    this._versionsTold = told;
    this.versions.stale();
    this.scores.stale();
    this.ledger.stale();
    if (this.panels.chosen === "versions") this.versions.load();
    if (this.panels.chosen === "scores") this.scores.load();
    if (this.panels.chosen === "ledger") this.ledger.load();
  }

  // -- Following along -----------------------------------------------------------------------------------------------

  _nearEnd() {
    const writing = this.page.node.querySelector(".writing .fresh") ?? this.page.node;
    const { bottom } = writing.getBoundingClientRect();
    return bottom > 0 && bottom < innerHeight + NEAR_PX;
  }

  _scrolled() {
    const writing = this.page.node.querySelector(".writing .fresh");
    if (!writing) {
      show(this.more, false);
      return;
    }
    const { bottom } = writing.getBoundingClientRect();
    this._follow = bottom < innerHeight + NEAR_PX;
    show(this.more, !this._follow || bottom < NEAR_PX);
  }

  _toEnd() {
    this._follow = true;
    const writing = this.page.node.querySelector(".writing .fresh");
    if (!writing) return;
    const dock = this.composer.node.getBoundingClientRect().height;
    const { bottom } = writing.getBoundingClientRect();
    const over = bottom - (innerHeight - dock - 48);
    if (over > 0 || bottom < NEAR_PX) scrollBy({ top: over, behavior: "instant" });
  }

  // -- What is said and what went wrong ------------------------------------------------------------------------------

  /** For those who don't see the page: what matters, never the text as it streams. @param {any} event @param {any} state */
  _say(event, state) {
    const { announce } = this.context;
    if (event.type === "step.started") announce(t("say.step", { step: stepName(event.step) }));
    else if (event.type === "approval.requested") announce(t("say.gate"));
    else if (event.type === "story.completed") announce(t("say.completed", { title: event.title, count: event.word_count }));
    else if (event.type === "session.status" && event.status !== "active") announce(statusName(state.status));
  }

  _connection() {
    const { status } = this.context.connection;
    const waits = status === "waiting";
    show(this.link, waits);
    if (waits) say(this.link, navigator.onLine === false ? t("connection.offline") : t("connection.lost"));
  }

  /** @param {any} error */
  _refused(error) {
    show(this.link, true);
    say(this.link, error.code === "unauthorized" ? t("connection.signedOut") : this.context.words(error));
  }

}
