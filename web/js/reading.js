// @ts-check
/**
 * The text as it stands, in pieces: the current draft, what was written since, and what is being written. Pure.
 *
 * Drafts are saved now and then, sections one by one: a section that a message has brought stands before the draft that
 * contains it does. A piece keeps its text from one to the other, so that nothing on the page moves.
 */

/**
 * @typedef {{section: number | null, text: string, at?: number, writing?: {text: string, kind: Prose}}} Piece `at`: where
 *   it begins in the draft; `writing`: what is to take the place of `text`, as far as it goes; a new section has no `text`
 * @typedef {"draft" | "revise" | "polish"} Prose
 * @typedef {Record<string, any>} Thing
 */

const STEP = /^(?:(draft)-(\d+)|(revise)-(\d+)-(\d+)|(polish)(?:-(\d+))?-(\d+))$/;

/**
 * What a step writes; null for one that writes no story text.
 * @param {string | null | undefined} step
 * @returns {{kind: Prose, section: number, round: number} | null}
 */
export function proseOf(step) {
  const match = STEP.exec(step ?? "");
  if (!match) return null;
  if (match[1]) return { kind: "draft", section: Number(match[2]), round: 0 };
  if (match[3]) return { kind: "revise", section: Number(match[5]), round: Number(match[4]) };
  return { kind: "polish", section: Number(match[8]), round: Number(match[7] ?? 1) };
}

/**
 * @param {{draft: Thing | null, messages: Thing[], partial: Thing | null, step: string | null, over: boolean}} known
 *   `draft` with content, `messages` in order, `over` where nothing more is to come
 * @returns {Piece[]}
 */
export function compose({ draft, messages, partial, step, over }) {
  return withWriting(settled({ draft, messages, over }), partial, step);
}

/**
 * What is finished: it changes with a message or a draft, not with every word.
 * @param {{draft: Thing | null, messages: Thing[], over: boolean}} known @returns {Piece[]}
 */
export function settled({ draft, messages, over }) {
  const prose = messages.filter((message) => proseOf(message.step));
  const since = draft ? Date.parse(draft.created_at) : -Infinity;
  const pieces = draft ? cut(draft.content, prose.filter((message) => Date.parse(message.created_at) <= since)) : [];
  if (over && draft) return pieces;
  for (const message of prose) {
    if (Date.parse(message.created_at) > since && !rejected(message, messages)) place(pieces, message);
  }
  return pieces;
}

/**
 * @param {Piece[]} pieces of `settled`; left as they are
 * @param {Thing | null} partial @param {string | null} step
 * @returns {Piece[]}
 */
export function withWriting(pieces, partial, step) {
  const now = proseOf(step);
  return partial && now ? begin([...pieces], now, partial.text) : pieces;
}

/**
 * A draft in the sections that its messages brought; what a person has changed is a piece without one, or with the
 * number that is missing there.
 * @param {string} content @param {Thing[]} prose @returns {Piece[]}
 */
function cut(content, prose) {
  /** @type {Map<number, string[]>} the newest last */
  const texts = new Map();
  for (const message of prose) {
    const section = /** @type {{section: number}} */ (proseOf(message.step)).section;
    texts.set(section, [...(texts.get(section) ?? []), message.content]);
  }
  /** @type {Piece[]} */
  const pieces = [];
  let at = 0;
  for (const section of [...texts.keys()].sort((a, b) => a - b)) {
    for (const text of /** @type {string[]} */ (texts.get(section)).reverse()) {
      const found = text ? content.indexOf(text, at) : -1;
      if (found === -1) continue;
      loose(pieces, content, at, found, section);
      pieces.push({ section, text, at: found });
      at = found + text.length;
      break;
    }
  }
  loose(pieces, content, at, content.length, null);
  return pieces;
}

/**
 * What stands between the sections that were found.
 * @param {Piece[]} pieces @param {string} content @param {number} from @param {number} to @param {number | null} next
 */
function loose(pieces, content, from, to, next) {
  const text = content.slice(from, to);
  if (!text.trim()) return;
  const before = pieces.at(-1)?.section ?? 0;
  const section = next === null ? before + 1 : next - before === 2 ? before + 1 : null;
  const lead = /^\n*/.exec(text)?.[0].length ?? 0;
  pieces.push({ section, text: trimmed(text.slice(lead), "\n"), at: from + lead });
}

/**
 * A revision that a later review did not make the current draft; had it, the draft would be as new as the revision.
 * @param {Thing} message @param {Thing[]} messages
 */
function rejected(message, messages) {
  return proseOf(message.step)?.kind === "revise"
    && messages.some((other) => other.seq > message.seq && /^review-\d+$/.test(other.step ?? ""));
}

/** @param {Piece[]} pieces @param {Thing} message */
function place(pieces, message) {
  const section = /** @type {{section: number}} */ (proseOf(message.step)).section;
  const index = pieces.findIndex((piece) => piece.section === section);
  if (index === -1) pieces.push({ section, text: message.content });
  else pieces[index] = { section, text: message.content };
}

/** @param {Piece[]} pieces @param {{kind: Prose, section: number}} now @param {string} text */
function begin(pieces, now, text) {
  const index = pieces.findIndex((piece) => piece.section === now.section);
  const writing = { text, kind: now.kind };
  if (index === -1) pieces.push({ section: now.section, text: "", writing });
  else pieces[index] = { ...pieces[index], writing };
  return pieces;
}

/** @param {string} text @param {string} character of which none is left at the end */
export function trimmed(text, character) {
  let end = text.length;
  while (end > 0 && text[end - 1] === character) end -= 1;
  return text.slice(0, end);
}

/** How many words a text has, near enough for a figure that changes all the time. @param {string} text */
export function words(text) {
  return (text.match(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[\p{L}\p{N}][^\s\p{Script=Han}]*/gu) ?? []).length;
}
