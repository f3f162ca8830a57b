// @ts-check
/**
 * A chat as its watcher knows it: one pure function from a state and an event to the next state, and what of that stands
 * on the page. The rule that tests keep: snapshot + the events after it show what a fresh snapshot shows.
 *
 * Messages are known by their numbers, whichever branch they are on; the branch that is shown leads from its head back to
 * its first, from each message to the one that it follows.
 *
 * @typedef {Record<string, any>} Thing
 * @typedef {{call_id: string, tool: string, args: Thing, offset: number, result: Thing | null, error: string | null, open: boolean}} Tool
 *   `open`: called and not answered yet
 * @typedef {{message_id: string, agent: string, answers: number, partial: import("./state.js").Partial | null,
 *   tools: Tool[], activity: string}} Answer the answer that is being written
 * @typedef {{
 *   session: Thing | null, epoch: number, seq: number, status: string, reason: string | null, error: Thing | null,
 *   title: string, known: Map<number, Thing>, head: number, answer: Answer | null, stories: Thing[]
 * }} State
 */

import { extend, firstCharacters } from "./state.js";

/** @type {Readonly<State>} */
export const EMPTY = Object.freeze({
  session: null, epoch: 0, seq: 0, status: "", reason: null, error: null, title: "", known: new Map(), head: 0,
  answer: null, stories: [],
});

/**
 * The state after `event`. An event already contained, or one of a run that a newer run has replaced, changes nothing.
 * @param {State} state @param {Thing} event @returns {State}
 */
export function reduce(state, event) {
  if (event.type === "session.snapshot") return fromSnapshot(state, event);
  if (event.seq <= state.seq || event.epoch < state.epoch) return state;
  return { ...state, seq: event.seq, epoch: event.epoch, ...changes(state, event) };
}

/** What was known of other branches and of the beginning stays: no message changes. @param {State} state @param {Thing} event @returns {State} */
function fromSnapshot(state, event) {
  const { session } = event;
  const messages = event.messages ?? [];
  const turn = session.status === "active" ? session.turn : null;
  return {
    session, epoch: event.epoch, seq: event.seq, status: session.status, reason: null, error: session.error ?? null,
    title: session.title ?? "", known: withAll(state.known, messages),
    head: session.head_seq ?? messages.at(-1)?.seq ?? 0,
    answer: turn ? {
      message_id: turn.message_id, agent: session.template, answers: turn.answers, activity: "",
      partial: event.partial ? { attempt: null, ...event.partial, complete: true } : null,
      tools: (event.tools ?? []).reduce(withTool, []),
    } : null,
    stories: event.stories ?? state.stories,
  };
}

/** @param {State} state @param {Thing} event @returns {{[K in keyof State]?: State[K]}} */
function changes(state, event) {
  const { answer } = state;
  const mine = answer !== null && answer.message_id === event.message_id;
  switch (event.type) {
    case "session.created":
      return { session: event.session, status: event.session.status, title: event.session.title ?? "" };
    case "session.status":
      return {
        status: event.status, reason: event.reason ?? null, error: event.error ?? null,
        ...(event.title ? { title: event.title } : {}), ...(event.status === "active" ? {} : { answer: null }),
      };
    case "turn.started":
      // Another node goes on with the same answer: what is there of it stays.
      return { answer: mine ? answer : {
        message_id: event.message_id, agent: event.agent ?? "", answers: event.answers, partial: null, tools: [], activity: "",
      } };
    case "agent.state":
      return answer ? { answer: { ...answer, activity: event.activity ?? "" } } : {};
    case "agent.delta":
      return mine ? { answer: { ...answer, partial: extend(answer.partial, event) } } : {};
    case "tool.called":
    case "tool.answered":
      return mine ? { answer: { ...answer, tools: withTool(answer.tools, event) } } : {};
    case "agent.message":
      return withMessage(state, event.message);
    case "branch.changed":
      return { head: event.head_seq, known: moved(state.known, event.moved ?? []) };
    case "story.asked":
      return { stories: withStory(state.stories, event.story) };
    default:
      return {};
  }
}

/** @param {Map<number, Thing>} known @param {Thing[]} messages */
function withAll(known, messages) {
  const all = new Map(known);
  for (const message of messages) all.set(message.seq, message);
  return all;
}

/** The branch goes on with a message that follows its head; any other stands beside it. @param {State} state @param {Thing} message */
function withMessage(state, message) {
  return {
    known: withAll(state.known, [message]),
    ...(parentOf(message) === state.head ? { head: message.seq } : {}),
    ...(state.answer?.message_id === message.id ? { answer: null } : {}),
  };
}

/** @param {Map<number, Thing>} known @param {Thing[]} to what was said while an answer was written comes after that */
function moved(known, to) {
  if (!to.length) return known;
  const all = new Map(known);
  for (const { seq, parent_seq } of to) {
    const message = all.get(seq);
    if (message) all.set(seq, { ...message, parent_seq, siblings: null });
  }
  return all;
}

/** @param {Tool[]} tools @param {Thing} event @returns {Tool[]} */
function withTool(tools, event) {
  if (event.type === "tool.called") {
    if (tools.some((one) => one.call_id === event.call_id)) return tools;
    const { call_id, tool, args, offset } = event;
    return [...tools, { call_id, tool, args: args ?? {}, offset: offset ?? 0, result: null, error: null, open: true }];
  }
  return tools.map((one) => (one.call_id === event.call_id
    ? { ...one, result: event.result ?? null, error: event.error ?? null, open: false } : one));
}

/** @param {Thing[]} stories @param {Thing} story */
function withStory(stories, story) {
  const rest = stories.filter((one) => one.session_id !== story.session_id);
  return [...rest, story];
}

/** Messages of the branch that come before those that are known. @param {State} state @param {Thing[]} messages @returns {State} */
export const withOlder = (state, messages) => ({
  ...state, known: new Map([...messages.map((one) => /** @type {[number, Thing]} */ ([one.seq, one])), ...state.known]),
});

/** The number of the message that this one follows, 0 for none. @param {Thing} message @returns {number} */
export const parentOf = (message) => message.parent_seq ?? message.seq - 1;

/** Whether what is to be shown is not here: it has to be asked for. @param {State} state */
export const isStale = (state) => state.head > 0 && !state.known.has(state.head);

/** @type {{known: Map<number, Thing> | null, head: number, messages: Thing[]}} */
let walked = { known: null, head: 0, messages: [] };
/**
 * The messages of the branch that is shown, oldest first, as far back as they are known. The same array as before where
 * nothing has changed.
 * @param {State} state @returns {Thing[]}
 */
export function branch(state) {
  if (walked.known === state.known && walked.head === state.head) return walked.messages;
  /** @type {Thing[]} */
  const messages = [];
  for (let at = state.known.get(state.head); at && messages.length <= state.known.size; at = state.known.get(parentOf(at))) {
    messages.push(at);
  }
  walked = { known: state.known, head: state.head, messages: messages.reverse() };
  return walked.messages;
}

/** Whether there are messages before those that are known. @param {State} state */
export function hasOlder(state) {
  const [first] = branch(state);
  return first !== undefined && parentOf(first) > 0;
}

/** @type {{known: Map<number, Thing> | null, beside: Map<number, number[]>}} */
let grouped = { known: null, beside: new Map() };
/** The numbers of the messages that stand beside one, itself among them, oldest first. @param {State} state @param {Thing} message @returns {number[]} */
export function siblings(state, message) {
  if (grouped.known !== state.known) {
    /** @type {Map<number, Set<number>>} */
    const sets = new Map();
    for (const one of state.known.values()) {
      const set = sets.get(parentOf(one)) ?? new Set();
      for (const seq of one.siblings ?? []) set.add(seq);
      sets.set(parentOf(one), set.add(one.seq));
    }
    grouped = { known: state.known, beside: new Map([...sets].map(([parent, set]) => [parent, [...set].sort((a, b) => a - b)])) };
  }
  // What waits for its turn to be answered follows the same message as the answer before it does, for a while.
  return (grouped.beside.get(parentOf(message)) ?? [message.seq]).filter((seq) => {
    const other = state.known.get(seq);
    return !other || (other.role === message.role && parentOf(other) === parentOf(message));
  });
}

/**
 * A line of the talk. `is`: `kept`; `writing`, the answer under way; `queued`, kept and to be answered next; `sending`,
 * `waiting` for a connection, or `refused`, all three not known to the service yet.
 * @typedef {{id: string, role: string, is: string, seq: number | null, message: Thing | null, text: string, agent: string,
 *   author: string | null, tools: Tool[], entry: Thing | null}} Row
 * @param {State} state
 * @param {Thing[]} [outbox] what this browser has yet to get to the service, in its order
 * @param {{connected?: boolean}} [how]
 * @returns {Row[]}
 */
export function rows(state, outbox = [], how = {}) {
  const messages = branch(state);
  const ids = new Set(messages.map((one) => one.id));
  const waiting = outbox.filter((one) => !ids.has(one.id));
  const edit = waiting.find((one) => one.kind === "edit");
  const cut = edit ? messages.findIndex((one) => one.seq === edit.seq) : -1;
  const shown = cut === -1 ? messages : messages.slice(0, cut);
  const at = state.answer ? shown.findIndex((one) => one.seq === state.answer?.answers) : -1;
  const found = [...keptRows(shown, at, state.session?.user_id ?? null)];
  if (state.answer && cut === -1) found.splice(at === -1 ? found.length : at + 1, 0, answerRow(state.answer));
  return [...found, ...waiting.map((entry) => waitingRow(entry, how.connected !== false))];
}

/** @type {{shown: Thing[] | null, at: number, owner: string | null, rows: Row[]}} */
let laid = { shown: null, at: -1, owner: null, rows: [] };
/** The same rows as before where nothing has changed: a long talk is not gone through for every word of an answer. @param {Thing[]} shown @param {number} at @param {string | null} owner */
function keptRows(shown, at, owner) {
  if (laid.shown !== shown || laid.at !== at || laid.owner !== owner) {
    laid = { shown, at, owner, rows: shown.map((message, index) => keptRow(message, owner, at !== -1 && index > at)) };
  }
  return laid.rows;
}

/** @param {Thing} message @param {string | null} owner @param {boolean} queued @returns {Row} */
function keptRow(message, owner, queued) {
  return {
    id: message.id, role: message.role, is: queued ? "queued" : "kept", seq: message.seq, message, text: message.content,
    agent: message.agent ?? "", author: message.role === "user" ? message.author_id ?? owner : null,
    tools: (message.metadata?.tools ?? []).map((/** @type {Thing} */ one) => ({ offset: 0, result: null, error: null, open: false, ...one })),
    entry: null,
  };
}

/** @param {Answer} answer @returns {Row} */
const answerRow = (answer) => ({
  id: answer.message_id, role: "assistant", is: "writing", seq: null, message: null, text: answer.partial?.text ?? "",
  agent: answer.agent, author: null, tools: answer.tools, entry: null,
});

/** @param {Thing} entry @param {boolean} connected @returns {Row} */
const waitingRow = (entry, connected) => ({
  id: entry.id, role: "user", is: entry.refused ? "refused" : connected ? "sending" : "waiting", seq: null, message: null,
  text: entry.text, agent: "", author: entry.user_id, tools: [], entry,
});

/**
 * An answer's text in pieces, with the tools where they were called.
 * @param {string} text @param {Tool[]} tools in their order; `offset` in characters, which are code points
 * @returns {({text: string, tool?: undefined} | {tool: Tool, text?: undefined})[]}
 */
export function pieces(text, tools) {
  /** @type {({text: string, tool?: undefined} | {tool: Tool, text?: undefined})[]} */
  const found = [];
  let at = 0;
  for (const tool of tools) {
    const place = Math.max(at, firstCharacters(text, tool.offset).length);
    if (text.slice(at, place).trim()) found.push({ text: text.slice(at, place) });
    at = place;
    found.push({ tool });
  }
  if (text.slice(at).trim()) found.push({ text: text.slice(at) });
  return found;
}

/**
 * Why a talk that rests could go on without another word of the person: its answer has failed, with a message, or what was
 * said last has none (an empty message). Null where it waits for the person as ever.
 * @param {State} state @returns {{message: string} | null}
 */
export function trouble(state) {
  const last = state.status === "waiting" && state.known.get(state.head);
  if (!last) return null;
  if (state.error) return { message: state.error.message ?? "" };
  return last.role === "user" ? { message: "" } : null;
}
