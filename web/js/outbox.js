// @ts-check
/**
 * What a person has said and the service may not have yet: kept in this browser until it is there, over a lost
 * connection, a reload and a closed tab. Sent again with the same request it is the same message, so nothing is said twice.
 *
 * @typedef {{id: string, request_id: string, user_id: string, chat: string, session_id: string | null, kind: "send" | "edit",
 *   text: string, seq?: number, agent?: string, model?: string, project_id?: string, refused?: {code: string, message: string}
 *   }} Entry `id`: of the message that it becomes; `chat`: the session's id, or the place where a new chat is begun
 */

import { keep, recall, whenChanged } from "./kept.js";
import { uuid5 } from "./uuid.js";

const KEPT = "outbox";
/** After the service has taken a message it is told of at once; where it isn't, the page asks. */
const TOLD_MS = 4000;
const RETRY_S = 5;
const RETRIED = new Set(["rate_limited", "unavailable"]);

/** @returns {Entry[]} */
const all = () => recall(KEPT) ?? [];

/** Of the chats of a user, those with something that has not been sent yet. @param {string | undefined} userId @returns {Set<string>} */
export const unsent = (userId) => new Set(all().filter((one) => one.user_id === userId).map((one) => one.chat));

/** Nothing more is sent to a chat that is gone. @param {string} chat */
export const forget = (chat) => keep(KEPT, all().filter((one) => one.chat !== chat));

export class Outbox {
  /**
   * Of one chat, as long as its page is open.
   * @param {import("./main.js").Context} context @param {string} chat
   * @param {{changed: () => void, created?: (sessionId: string) => void, again?: () => void}} told
   */
  constructor(context, chat, told) {
    this._context = context;
    this._chat = chat;
    this._told = told;
    /** @type {Map<string, number>} */
    this._timers = new Map();
    this._connection = context.connection;
    this._user = context.signin.tokens?.user_id ?? "";
    /** @type {[string, (event: any) => void][]} */
    this._listeners = [
      ["ready", () => this._flush()],
      ["refused", (event) => this._refused(event.detail)],
      ["created", (event) => this._created(event.detail)],
      ["done", (event) => this._done(event.detail)],
    ];
    for (const [name, listener] of this._listeners) this._connection.addEventListener(name, listener);
    this._unwatch = whenChanged(KEPT, () => told.changed());
    if (this._connection.isReady) this._flush();
  }

  end() {
    for (const [name, listener] of this._listeners) this._connection.removeEventListener(name, listener);
    for (const timer of this._timers.values()) clearTimeout(timer);
    this._unwatch();
  }

  /** Of this chat. @returns {Entry[]} */
  get entries() {
    return all().filter((one) => one.chat === this._chat && one.user_id === this._user);
  }

  /** Says something, or something otherwise. @param {Pick<Entry, "kind" | "text" | "session_id"> & Partial<Entry>} said */
  add(said) {
    const request_id = crypto.randomUUID();
    const user_id = this._user = this._context.signin.tokens?.user_id ?? "";
    const entry = { ...said, request_id, user_id, chat: this._chat, id: uuid5(user_id, `message ${request_id}`) };
    keep(KEPT, [...all(), entry]);
    this._send(entry);
    this._told.changed();
    return entry;
  }

  /** The service has it, or nobody wants it any more. @param {string} id @returns {Entry | undefined} */
  remove(id) {
    const entry = all().find((one) => one.id === id);
    if (!entry) return undefined;
    clearTimeout(this._timers.get(entry.request_id));
    keep(KEPT, all().filter((one) => one.id !== id));
    this._told.changed();
    return entry;
  }

  /** What the service has told of is no longer waiting. @param {Iterable<string>} ids @returns {boolean} whether something was */
  settle(ids) {
    const entries = this.entries;
    if (!entries.length) return false;
    const known = new Set(ids);
    const settled = entries.filter((one) => known.has(one.id));
    for (const entry of settled) this.remove(entry.id);
    return settled.length > 0;
  }

  /** @param {string} id */
  again(id) {
    const entry = this._change(id, { refused: undefined });
    if (entry) this._send(entry);
    this._told.changed();
  }

  _flush() {
    for (const entry of this.entries) if (!entry.refused || RETRIED.has(entry.refused.code)) this._send(entry);
  }

  /** @param {Entry} entry */
  _send(entry) {
    const { kind, request_id, session_id, text, seq } = entry;
    if (kind === "edit") {
      this._connection.send({ type: "chat.edit", request_id, session_id, seq, text });
      return;
    }
    const chosen = session_id ? { session_id } : { agent: entry.agent, model: entry.model, project_id: entry.project_id };
    this._connection.send({ type: "chat.send", request_id, text, ...chosen });
  }

  /** @param {string} id @param {Partial<Entry>} change @returns {Entry | undefined} */
  _change(id, change) {
    let found;
    keep(KEPT, all().map((one) => (one.id === id ? (found = { ...one, ...change }) : one)));
    return found;
  }

  /** @param {string} requestId */
  _find(requestId) {
    return this.entries.find((one) => one.request_id === requestId);
  }

  /** @param {any} frame */
  _refused(frame) {
    const entry = this._find(frame.request_id);
    if (!entry) return;
    this._change(entry.id, { refused: { code: frame.code, message: frame.message } });
    if (RETRIED.has(frame.code)) this._later(entry.request_id, 1000 * (frame.retry_after_s ?? RETRY_S), () => this.again(entry.id));
    this._told.changed();
  }

  /** @param {any} frame */
  _created(frame) {
    const entry = frame.request_id && this._find(frame.request_id);
    if (!entry || entry.session_id) return;
    const chat = frame.session_id;
    keep(KEPT, all().map((one) => (one.id === entry.id ? { ...one, chat, session_id: chat } : one)));
    this._told.created?.(chat);
  }

  /** @param {string} requestId */
  _done(requestId) {
    const entry = this._find(requestId);
    if (!entry || entry.refused || !entry.session_id) return;
    // It was there before, on a branch or in a past that this page doesn't show.
    this._later(requestId, TOLD_MS, () => {
      if (this.remove(entry.id)) this._told.again?.();
    });
  }

  /** @param {string} requestId @param {number} ms @param {() => void} then */
  _later(requestId, ms, then) {
    clearTimeout(this._timers.get(requestId));
    this._timers.set(requestId, setTimeout(then, ms));
  }
}
