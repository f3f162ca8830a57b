// @ts-check
/**
 * A session as its watcher knows it: one pure function from a state and an event to the next state, the same as
 * storyloom/client/state.py. The rule that tests keep: snapshot + the events after it = a fresh snapshot.
 *
 * @typedef {{state: string, activity: string}} Doing
 * @typedef {{message_id: string, agent: string | null, attempt: number | null, text: string, complete: boolean}} Partial
 * @typedef {Record<string, any>} Thing
 * @typedef {{
 *   session: Thing | null, epoch: number, seq: number, status: string, reason: string | null, error: Thing | null,
 *   pausing: boolean, queue_place: number | null, progress: Thing, tokens: number, cost_usd: number,
 *   usage_by_agent: Record<string, {tokens: number, cost_usd: number}>, messages: Thing[], message_count: number,
 *   draft: Thing | null, partial: Partial | null, approval: Thing | null, step: Thing | null,
 *   cast: Record<string, Doing>, title: string, story_id: string | null, word_count: number | null
 * }} State
 */

/** As many as a snapshot brings. */
export const MESSAGES_KEPT = 200;

export const FINISHED = Object.freeze(["completed", "failed", "cancelled", "expired"]);

const PROGRESS = Object.freeze({
  completed_steps: 0, total_steps: 0, percent: 0, current_step: null, stages: {}, eta_s: null, words: 0, target_words: 0,
});

/** @type {Readonly<State>} */
export const EMPTY = Object.freeze({
  session: null, epoch: 0, seq: 0, status: "", reason: null, error: null, pausing: false, queue_place: null,
  progress: PROGRESS, tokens: 0, cost_usd: 0, usage_by_agent: {}, messages: [], message_count: 0, draft: null,
  partial: null, approval: null, step: null, cast: {}, title: "", story_id: null, word_count: null,
});

/** @param {State} state */
export const finished = (state) => FINISHED.includes(state.status);

/**
 * The state after `event`. A snapshot replaces everything; an event already contained, or one of a run that a newer
 * run has replaced, changes nothing.
 * @param {State} state
 * @param {Thing} event
 * @returns {State}
 */
export function reduce(state, event) {
  if (event.type === "session.snapshot") return fromSnapshot(event);
  if (event.seq <= state.seq || event.epoch < state.epoch) return state;
  return { ...state, seq: event.seq, epoch: event.epoch, ...changes(state, event) };
}

/** @param {Thing} event @returns {State} */
function fromSnapshot(event) {
  const session = event.session;
  return {
    ...EMPTY,
    session,
    epoch: event.epoch,
    seq: event.seq,
    status: session.status,
    reason: session.error?.message ?? null,
    error: session.error ?? null,
    pausing: session.pausing ?? false,
    queue_place: session.queue_place ?? null,
    progress: progressOf(session.progress ?? {}),
    tokens: session.tokens ?? 0,
    cost_usd: session.cost_usd ?? 0,
    usage_by_agent: session.usage_by_agent ?? {},
    messages: (event.messages ?? []).slice(-MESSAGES_KEPT),
    message_count: session.message_count ?? 0,
    draft: event.draft ?? null,
    partial: event.partial ? { attempt: null, ...event.partial, complete: true } : null,
    approval: event.approval ?? null,
    title: session.title ?? "",
  };
}

/** @param {State} state @param {Thing} event @returns {Partial_<State>} */
function changes(state, event) {
  switch (event.type) {
    case "session.created": {
      const session = event.session;
      return {
        session,
        status: session.status,
        progress: progressOf(session.progress ?? {}),
        title: session.title ?? "",
        message_count: Math.max(state.message_count, session.message_count ?? 0),
      };
    }
    case "session.status":
      return {
        status: event.status,
        reason: event.reason ?? null,
        pausing: event.pausing ?? false,
        queue_place: event.queue_place ?? null,
        error: event.error ?? null,
        ...(FINISHED.includes(event.status) ? { cast: {} } : {}),
        ...(event.status === "awaiting_approval" ? {} : { approval: null }),
        ...(event.title ? { title: event.title } : {}),
      };
    case "step.started":
      return { step: { stage: "", agent: "", attempt: 1, ...event } };
    case "step.finished":
      if (state.step === null || state.step.step !== event.step) return {};
      return { step: null, cast: { ...state.cast, [state.step.agent]: { state: "waiting", activity: "" } } };
    case "agent.state":
      return { cast: { ...state.cast, [event.agent]: { state: event.state, activity: event.activity ?? "" } } };
    case "agent.delta":
      return { partial: extend(state.partial, event) };
    case "agent.message":
      return withMessage(state, event.message);
    case "draft.saved":
      return event.current ? { draft: draftOf(event) } : {};
    case "progress":
      return { progress: progressOf(event) };
    case "approval.requested":
      return {
        approval: { step: event.step, content: event.content ?? "", draft_version: event.draft_version ?? null },
      };
    case "usage":
      return { tokens: event.tokens ?? 0, cost_usd: event.cost_usd ?? 0, usage_by_agent: event.by_agent ?? {} };
    case "story.completed":
      return { story_id: event.story_id ?? null, title: event.title, word_count: event.word_count ?? 0 };
    default:
      return {};
  }
}

/**
 * @template T
 * @typedef {{[K in keyof T]?: T[K]}} Partial_
 */

/**
 * The message being written, with a delta. A higher attempt begins it again, a lower one is a straggler; text that
 * overlaps what is known is joined at its offset, and text beyond a gap marks the message as incomplete.
 * @param {Partial | null} partial
 * @param {Thing} delta
 * @returns {Partial}
 */
export function extend(partial, delta) {
  const attempt = delta.attempt ?? 1;
  const offset = delta.offset ?? 0;
  const begun = {
    message_id: delta.message_id, agent: delta.agent ?? "", attempt, text: delta.text, complete: offset === 0,
  };
  if (partial === null || partial.message_id !== delta.message_id) return begun;
  const length = partial.attempt !== null && !partial.complete ? 0 : characters(partial.text);
  if (partial.attempt === null) {
    // A snapshot that doesn't tell the attempt: text that fits on is taken as the same one.
    if (!(offset > 0 && offset <= length)) return begun;
  } else if (attempt > partial.attempt) {
    return begun;
  } else if (attempt < partial.attempt) {
    return partial;
  } else if (!partial.complete) {
    return { ...partial, text: partial.text + delta.text };
  }
  if (offset > length) return { ...partial, text: partial.text + delta.text, complete: false, attempt };
  if (offset === length) return { ...partial, text: partial.text + delta.text, attempt };
  const joined = firstCharacters(partial.text, offset) + delta.text;
  const text = characters(joined) > length ? joined : partial.text;
  return { ...partial, text, attempt };
}

/**
 * Offsets count Unicode code points, JavaScript UTF-16 units.
 * @param {string} text
 */
function characters(text) {
  let count = 0;
  for (let index = 0; index < text.length; index += units(text, index)) count += 1;
  return count;
}

/** @param {string} text @param {number} count of Unicode code points */
export function firstCharacters(text, count) {
  let index = 0;
  for (let seen = 0; seen < count && index < text.length; seen += 1) index += units(text, index);
  return text.slice(0, index);
}

/** @param {string} text @param {number} index */
const units = (text, index) => (/** @type {number} */ (text.codePointAt(index)) > 0xffff ? 2 : 1);

/** @param {State} state @param {Thing} message */
function withMessage(state, message) {
  const settled = state.partial !== null && state.partial.message_id === message.id;
  const known = state.messages.filter((kept) => kept.id !== message.id);
  const later = known.findIndex((kept) => kept.seq > message.seq);
  known.splice(later === -1 ? known.length : later, 0, message);
  return {
    messages: known.slice(-MESSAGES_KEPT),
    message_count: Math.max(state.message_count, message.seq),
    ...(settled ? { partial: null } : {}),
  };
}

/** @param {Thing} told */
function progressOf(told) {
  return Object.fromEntries(Object.entries(PROGRESS).map(([name, none]) => [name, told[name] ?? none]));
}

/** @param {Thing} event */
function draftOf(event) {
  return {
    version: event.version, current: true, step: event.step ?? null, word_count: event.word_count ?? 0,
    scores: event.scores ?? null,
  };
}
