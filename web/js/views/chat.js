// @ts-check
/** A talk with an agent: said, answered before one's eyes, stopped, answered anew, gone another way with. */

import { agentName } from "../cast.js";
import { EMPTY, branch, hasOlder, isStale, parentOf, reduce, rows, siblings, trouble, withOlder } from "../chat.js";
import { h, icon, put, say, show } from "../dom.js";
import { live } from "../live.js";
import { Outbox, forget } from "../outbox.js";
import { forgetDraft, SayBox } from "../parts/say-box.js";
import { hush } from "../parts/aloud.js";
import { sideList } from "../parts/chat-list.js";
import { renameDialog } from "../parts/rename.js";
import { Said } from "../parts/said.js";
import { Refusal } from "../rest.js";
import { t } from "../t.js";

const CHAT = Object.freeze({ empty: EMPTY, reduce });
/** Whoever is so near the end is taken along. */
const NEAR_PX = 64;
/** Within this of the beginning, what was said before is asked for. */
const TOP_PX = 900;
const PAGE = 50;

/** @param {import("../main.js").Context} context @param {string} id */
export async function view(context, id) {
  const [session, agents, templates] = await Promise.all([
    context.api("GET", `/sessions/${id}`), context.agents(), context.templates(),
  ]);
  if (session.kind !== "chat") {
    context.go(`/s/${id}`, { replace: true });
    return { title: session.title, node: h("div", {}) };
  }
  const project = session.project_id ? await projectOf(context, session.project_id) : null;
  return new ChatView(context, id, session, { agents, templates, project });
}

/** What the page says of the project; a chat goes on without it. @param {import("../main.js").Context} context @param {string} id */
async function projectOf(context, id) {
  try {
    const [project, members] = await Promise.all([
      context.api("GET", `/v1/projects/${id}`), context.api("GET", `/v1/projects/${id}/members`),
    ]);
    return { ...project, people: members.items ?? members };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return null;
  }
}

class ChatView {
  /** @param {import("../main.js").Context} context @param {string} id @param {any} session @param {{agents: any[], templates: any[], project: any}} known */
  constructor(context, id, session, known) {
    this.context = context;
    this.id = id;
    this.title = session.title;
    this._known = known;
    this._session = session;
    this._me = context.signin.tokens?.user_id ?? "";
    this._follow = true;
    /** @type {Map<string, Said>} */
    this._lines = new Map();
    /** @type {Map<string, any>} */
    this._begun = new Map();
    this._loading = false;
    this._wasAt = 0;
    const agent = known.agents.find((one) => one.name === session.template);
    this._agent = agent?.title ?? agentName(session.template);
    const role = known.project?.role;
    this._mayWrite = (session.user_id === this._me || role === "owner" || role === "editor") && !known.project?.archived_at;
    this._hands = this._makeHands();
    this._build();
    this._outbox = new Outbox(context, id, {
      changed: () => this._live?.redraw(), again: () => context.connection.again(id),
    });
    this._live = live(context.connection, id, {
      draw: (state) => this._draw(state),
      event: (event, state, before) => this._event(event, state, before),
      refused: (error) => this._refused(error),
    }, CHAT);
    this._onScroll = () => this._scrolled();
    addEventListener("scroll", this._onScroll, { passive: true });
    this._onStatus = () => this._connection();
    context.connection.addEventListener("status", this._onStatus);
    this._onRefused = (/** @type {any} */ event) => this._notAgain(event.detail);
    context.connection.addEventListener("refused", this._onRefused);
    // What grows above or below, as pictures of the letters come, must not carry the reader away from the end.
    this._sizes = new ResizeObserver(() => this._follow && this._toEnd());
    this._sizes.observe(this._list);
  }

  end() {
    this._live.end();
    this._outbox.end();
    this._side.end();
    this._box.end();
    this._sizes.disconnect();
    hush();
    removeEventListener("scroll", this._onScroll);
    this.context.connection.removeEventListener("status", this._onStatus);
    this.context.connection.removeEventListener("refused", this._onRefused);
  }

  /** @returns {import("../parts/said.js").Hands} */
  _makeHands() {
    const { context, _known: known } = this;
    return {
      me: this._me, templates: known.templates, mayWrite: this._mayWrite, chat: this.id, project: this._session.project_id ?? null,
      name: (author) => this._name(author),
      story: (call) => this._live.state.stories.find((one) => one.call_id === call) ?? this._begun.get(call),
      begin: (proposal, call) => this._beginStory(proposal, call),
      edit: (row, text) => this._edit(row, text),
      regenerate: (row) => this._regenerate(row.seq),
      turn: (seq, by) => this._turn(seq, by),
      again: (row) => this._outbox.again(row.id),
      takeBack: (row) => this._takeBack(row.id),
    };
  }

  /** @param {string | null} author */
  _name(author) {
    if (author === null || author === this._me) return t("you");
    const member = this._known.project?.people.find((/** @type {any} */ one) => one.user_id === author);
    return member?.display_name || t("chat.member");
  }

  _build() {
    const { context, id, _session: session, _known: known } = this;
    this.heading = h("h1", { id: "title", dir: "auto", tabindex: -1 }, session.title);
    this.link = h("p.trouble", { role: "status", hidden: true });
    this._list = h("ol.turns", {});
    this._older = h("button.button.small", { type: "button", hidden: true, on: { click: () => this._loadOlder() } }, t("chat.older"));
    this._rest = h("div.rest", { hidden: true });
    this._more = h("button.follow", { type: "button", hidden: true, on: { click: () => {
      this._follow = true;
      this._toEnd();
    } } }, icon("down"), t("chat.newest"));
    this._box = new SayBox(id, {
      label: t("say.label", { name: this._agent }), placeholder: t("say.placeholder", { name: this._agent }),
      send: (text) => this._say(text), stop: () => this._stop(),
    });
    this._side = sideList(context, id);
    // For who is on a phone, the keyboard would cover what there is to read.
    this.focus = this._mayWrite && matchMedia("(pointer: fine)").matches ? this._box.box : this.heading;
    /** @param {string} act @param {string} words @param {string} sign @param {() => void} then */
    const button = (act, words, sign, then) =>
      h("button.icon-button", { type: "button", "aria-label": words, title: words, data: { act }, on: { click: then } }, icon(sign));
    const own = session.user_id === this._me || known.project?.role === "owner";
    this.node = h("div.chat", {},
      this._side.node,
      h("article.chat-main", { "aria-labelledby": "title" },
        h("header.chat-head", {},
          h("div.title-row", {}, this.heading,
            this._mayWrite ? button("rename", t("rename"), "edit", () => renameDialog(context, id, this._live.state.title || session.title)) : null,
            own ? button("delete", t("delete"), "trash", () => this._delete()) : null),
          h("p.meta", {}, h("span", {}, this._agent), h("span", {}, session.model),
            known.project ? h("a.of-project", { href: `/project/${known.project.id}`, dir: "auto" }, icon("folder"), known.project.name) : null,
            h("a.to-chats", { href: "/chats" }, t("chats.all")))),
        this.link,
        // What streams is not read aloud word by word: a finished answer is, once, by the page's announcer.
        h("div.log", { role: "log", "aria-label": t("chat.log", { name: this._agent }), "aria-live": "off" },
          h("p.more-row", {}, this._older), this._list, this._rest),
        h("div.dock", {}, this._more,
          this._mayWrite ? h("div.composer", {}, this._box.node)
            : h("p.notice", {}, t(known.project?.archived_at ? "chat.archived" : "chat.readOnly")))));
  }

  // -- What has come -------------------------------------------------------------------------------------------------

  /** @param {any} event @param {import("../chat.js").State} state @param {import("../chat.js").State} before */
  _event(event, state, before) {
    const { context } = this;
    if (event.type === "session.snapshot") {
      // What was said from here may be answered before the page is told of it.
      const asked = this._outbox.settle([...state.known.values()].map((one) => one.id));
      const last = branch(state).at(-1);
      if (asked && last?.role === "assistant") this._announce(last);
    } else if (event.type === "agent.message") {
      this._outbox.settle([event.message.id]);
      if (event.message.role === "assistant" && before.seq) this._announce(event.message);
    } else if (event.type === "branch.changed" && isStale(state)) {
      context.connection.again(this.id);
    } else if (event.type === "session.status" && event.error) {
      context.announce(t("chat.failed", { message: event.error.message }));
    }
    if (event.type === "session.status" || event.type === "agent.message") this._side.stale();
  }

  /** @param {any} answer */
  _announce(answer) {
    this.context.announce(t("say.answer", { name: this._agent, text: answer.content.replace(/[*_`#>]+/g, "") }));
  }

  // -- What is shown -------------------------------------------------------------------------------------------------

  /** @param {import("../chat.js").State} state */
  _draw(state) {
    // Without a connection there may be no more than what waits for one.
    if (state.title && this.heading.textContent !== state.title) {
      say(this.heading, state.title);
      document.title = `${state.title} · Storyloom`;
    }
    const lines = rows(state, this._outbox.entries, { connected: this.context.connection.isHopeful });
    this._lay(lines, state);
    if (state.stories !== this._stories) {
      this._stories = state.stories;
      for (const line of this._lines.values()) line.refresh();
    }
    this._below(state, lines);
    this._box.answering(state.answer !== null);
    show(this._older, hasOlder(state));
    if (this._follow) this._toEnd();
    if (this._refocus) this._giveFocus(state);
    this._scrolled();
  }

  /** Only what has changed is touched. @param {import("../chat.js").Row[]} lines @param {import("../chat.js").State} state */
  _lay(lines, state) {
    const busy = state.status === "active";
    const same = busy === this._laidBusy && state.known === this._laidKnown;
    this._laidBusy = busy;
    this._laidKnown = state.known;
    const list = this._list;
    const ids = new Set(lines.map((one) => one.id));
    for (const [id, line] of this._lines) {
      if (ids.has(id)) continue;
      line.node.remove();
      this._lines.delete(id);
    }
    lines.forEach((row, index) => {
      let line = this._lines.get(row.id);
      if (!line) {
        line = new Said(this._hands, row);
        this._lines.set(row.id, line);
      }
      const there = list.children[index];
      if (there !== line.node) list.insertBefore(line.node, there ?? null);
      if (!same || line.row !== row) line.draw(row, { siblings: row.message ? siblings(state, row.message) : [], busy });
    });
  }

  /** How the talk rests, where it doesn't as ever. @param {import("../chat.js").State} state @param {import("../chat.js").Row[]} lines */
  _below(state, lines) {
    const waits = lines.some((one) => one.entry);
    const rest = waits || !this._mayWrite ? null : trouble(state);
    const told = JSON.stringify(rest);
    if (told === this._told) return;
    this._told = told;
    show(this._rest, rest !== null);
    if (!rest) {
      put(this._rest);
      return;
    }
    put(this._rest,
      rest.message ? h("p.trouble", {}, t("chat.failed", { message: rest.message })) : h("p.hint", {}, t("chat.unanswered")),
      h("button.button.small", { type: "button", on: { click: () => this._regenerate(null) } }, icon("redo"), t(rest.message ? "again" : "chat.answer")));
  }

  // -- What a person does --------------------------------------------------------------------------------------------

  /** @param {string} text */
  _say(text) {
    this._follow = true;
    this._outbox.add({ kind: "send", text, session_id: this.id });
  }

  /** @param {import("../chat.js").Row} row @param {string} text @returns {boolean} */
  _edit(row, text) {
    if (this._live.state.status === "active") {
      this.context.toast(t("chat.busy"), { bad: true });
      return false;
    }
    this._follow = true;
    this._outbox.add({ kind: "edit", text, session_id: this.id, seq: row.seq ?? 0 });
    this._box.box.focus({ preventScroll: true });
    return true;
  }

  /** @param {string} id */
  _takeBack(id) {
    const entry = this._outbox.remove(id);
    if (entry) this._box.giveBack(entry.text);
  }

  _stop() {
    this._act({ type: "chat.stop", session_id: this.id });
  }

  /** @param {number | null} seq */
  _regenerate(seq) {
    this._asked = crypto.randomUUID();
    if (!this._act({ type: "chat.regenerate", session_id: this.id, request_id: this._asked, ...(seq === null ? {} : { seq }) })) return;
    this._follow = true;
    this._box.box.focus({ preventScroll: true });
  }

  /** @param {number} seq @param {-1 | 1} by */
  _turn(seq, by) {
    const { state } = this._live;
    const message = state.known.get(seq);
    if (!message) return;
    const beside = siblings(state, message);
    const other = beside[beside.indexOf(seq) + by];
    if (other === undefined) return;
    this._follow = false;
    if (this._act({ type: "session.branch", session_id: this.id, seq: other })) {
      this._refocus = { parent: parentOf(message), act: by < 0 ? "previous" : "next" };
    }
  }

  /** @param {{type: string, [field: string]: unknown}} frame */
  _act(frame) {
    if (this.context.connection.send(frame)) return true;
    this.context.toast(t("error.offline"), { bad: true });
    return false;
  }

  /** The focus stays where the branch was changed. @param {import("../chat.js").State} state */
  _giveFocus(state) {
    const { parent, act } = /** @type {{parent: number, act: string}} */ (this._refocus);
    const message = branch(state).find((one) => parentOf(one) === parent);
    const line = message && this._lines.get(message.id);
    if (!line || isStale(state)) return;
    this._refocus = undefined;
    line.focus(act);
    line.node.scrollIntoView({ block: "nearest" });
  }

  async _delete() {
    const { context, id } = this;
    if (!(await context.ask(t("chat.delete.title"), t("chat.delete.message"), t("delete"), { danger: true }))) return;
    try {
      await context.api("DELETE", `/v1/sessions/${id}`);
    } catch (error) {
      context.tell(error);
      return;
    }
    forget(id);
    forgetDraft(id);
    context.go("/chats");
  }

  /** @param {any} proposal @param {string} call */
  async _beginStory(proposal, call) {
    const { context, id } = this;
    const { prompt, template, title, config } = proposal;
    const body = {
      prompt, config, asked_in: id, asked_call: call, project_id: this._session.project_id ?? undefined,
      template: template ?? undefined, title: title ?? undefined,
    };
    let story;
    try {
      // The call is the request: however often the button is pressed, and in however many windows, it is one story.
      story = await context.api("POST", "/sessions", { body, key: call });
    } catch (error) {
      throw new Error(context.words(error));
    }
    this._begun.set(call, { call_id: call, session_id: story.id, title: story.title, status: story.status, words: 0 });
    for (const line of this._lines.values()) line.refresh();
  }

  // -- Older messages ------------------------------------------------------------------------------------------------

  async _loadOlder() {
    const { state } = this._live;
    if (this._loading || !hasOlder(state)) return;
    this._loading = true;
    try {
      const older = await this._before(branch(state)[0]);
      if (older.length) this._prepend(older);
    } catch (error) {
      // The next look at the beginning asks again.
      if (!(error instanceof Refusal)) throw error;
    } finally {
      this._loading = false;
    }
  }

  /** A page of what comes before a message of the branch. @param {any} first @returns {Promise<any[]>} */
  async _before(first) {
    const path = `/v1/sessions/${this.id}/messages`;
    const newest = await this.context.api("GET", path, { query: { limit: 1 } });
    const messages = branch(this._live.state);
    const head = messages.findIndex((one) => one.seq === newest.messages[0]?.seq);
    if (head === -1 || messages[0].seq !== first.seq) return [];
    // Places count from 0: that of the newest is known, and with it that of all that are here.
    const place = newest.total - 1 - head;
    /** @type {any[]} */
    const found = [];
    for (let at = Math.max(0, place - PAGE); at < place;) {
      const page = await this.context.api("GET", path, { query: { limit: place - at, cursor: String(at) } });
      if (!page.messages.length) break;
      found.push(...page.messages);
      at += page.messages.length;
    }
    return found.at(-1)?.seq === parentOf(first) ? found : [];
  }

  /** What is being read stays where it is on the screen. @param {any[]} older */
  _prepend(older) {
    const anchor = [...this._list.children].find((one) => one.getBoundingClientRect().bottom > 0) ?? this._list.firstElementChild;
    const before = anchor?.getBoundingClientRect().top ?? 0;
    document.documentElement.classList.add("held");
    this._live.change((state) => withOlder(state, older));
    this._draw(this._live.state);
    const after = anchor?.getBoundingClientRect().top ?? 0;
    scrollBy({ top: after - before, behavior: "instant" });
    requestAnimationFrame(() => document.documentElement.classList.remove("held"));
  }

  // -- Where the reader is -------------------------------------------------------------------------------------------

  _scrolled() {
    const left = document.documentElement.scrollHeight - scrollY - innerHeight;
    // A window that gets smaller carries the end away as well: that is nobody's wish to stay.
    if (left < NEAR_PX) this._follow = true;
    else if (scrollY < this._wasAt - 2) this._follow = false;
    this._wasAt = scrollY;
    show(this._more, left > innerHeight / 2);
    if (scrollY < TOP_PX && this._live && this._live.state.session && hasOlder(this._live.state)) this._loadOlder();
  }

  _toEnd() {
    scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });
  }

  _connection() {
    const { status } = this.context.connection;
    const waits = status === "waiting";
    show(this.link, waits);
    if (waits) say(this.link, navigator.onLine === false ? t("chat.offline") : t("chat.lost"));
    this._live?.redraw();
  }

  /** @param {any} frame */
  _notAgain(frame) {
    if (frame.request_id === this._asked) this.context.tell(new Refusal(frame.code, frame.message, { retryAfter: frame.retry_after_s ?? null }));
  }

  /** @param {any} error */
  _refused(error) {
    if (error.code === "conflict") {
      this.context.tell(error);
      return;
    }
    show(this.link, true);
    say(this.link, error.code === "unauthorized" ? t("connection.signedOut") : this.context.words(error));
  }
}
