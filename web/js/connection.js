// @ts-check
/**
 * One WebSocket for all that is watched. It reconnects by itself, and then asks for what came after the last event of
 * each session: exactly those, or a snapshot.
 */

import { Refusal } from "./rest.js";

const SUBPROTOCOL = "storyloom.v1";
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
/** For the handshake and for `ready`, together. */
const OPEN_MS = 20_000;
const UNAUTHORIZED = 4401;
/** Closes after which another connection would end the same way. */
const FINAL = new Set([4403, 1009]);
const TOO_MANY = 4429;

/**
 * The wait before try `attempt` (0, 1, 2 …): doubling, half of it by chance, so that many don't come back at once.
 * @param {number} attempt @param {number} [chance] 0 to 1
 */
export function backoff(attempt, chance = Math.random()) {
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt);
  return longest / 2 + (longest / 2) * chance;
}

/**
 * @typedef {{epoch: number, seq: number}} Position
 * @typedef {{position: () => Position | null, event: (event: any) => void, refused: (error: Refusal) => void}} Watcher
 */

export class Connection extends EventTarget {
  /**
   * @param {{url: string, token: (renew?: boolean) => Promise<string>, renewIn: () => number | null,
   *   open?: (url: string, protocol: string) => WebSocket}} parts
   */
  constructor(parts) {
    super();
    this._parts = parts;
    /** @type {Map<string, Watcher>} */
    this._watchers = new Map();
    this._held = 0;
    /** @type {WebSocket | null} */
    this._socket = null;
    this._ready = false;
    this._attempt = 0;
    this._heartbeatMs = 20_000;
    this._heardAt = 0;
    this._refusedToken = false;
    /** @type {"idle" | "connecting" | "open" | "waiting" | "closed"} */
    this.status = "idle";
    this._timers = { retry: 0, beat: 0, renew: 0, open: 0 };
    if (typeof addEventListener === "function") {
      addEventListener("online", () => this._now());
      addEventListener("offline", () => this._drop());
      // A machine that slept wakes with a socket that is dead and doesn't know it.
      document.addEventListener("visibilitychange", () => document.hidden || this._check());
    }
  }

  /**
   * Watches a session until the returned function is called.
   * @param {string} sessionId @param {Watcher} watcher
   */
  watch(sessionId, watcher) {
    this._watchers.set(sessionId, watcher);
    if (this._ready) this._attach(sessionId, watcher);
    else if (this.status === "idle" || this.status === "closed") this._connect();
    return () => {
      if (this._watchers.get(sessionId) !== watcher) return;
      this._watchers.delete(sessionId);
      if (this._ready) this._send({ type: "session.detach", session_id: sessionId });
      if (!this._wanted) this._end();
    };
  }

  /** Stays connected, with nothing to watch yet, until the returned function is called. */
  hold() {
    this._held += 1;
    if (this.status === "idle" || this.status === "closed") this._connect();
    let over = false;
    return () => {
      if (over) return;
      over = true;
      this._held -= 1;
      if (!this._wanted) this._end();
    };
  }

  get _wanted() {
    return this._watchers.size > 0 || this._held > 0;
  }

  get isReady() {
    return this._ready;
  }

  /** Whether what is sent now goes at once, or as soon as a connection that is being made is there. */
  get isHopeful() {
    return this.status !== "waiting" && this.status !== "closed";
  }

  /**
   * Sends a frame and answers whether it was. What comes of it is told as events: `refused` and `created` with the frame
   * that has its `request_id`; and `done` once the service is through with it, where it names one.
   * @param {{type: string, request_id?: string, [field: string]: unknown}} frame
   */
  send(frame) {
    if (!this._ready) return false;
    this._send(frame);
    // Frames are taken one after the other: who answers this has taken that.
    if (frame.request_id) this._send({ type: "ping", t: frame.request_id });
    return true;
  }

  /** Asks for the whole of a session again. @param {string} sessionId */
  again(sessionId) {
    if (this._ready) this._send({ type: "session.attach", session_id: sessionId });
  }

  /** Begins anew, as somebody else. */
  restart() {
    this._drop();
    this._refusedToken = false;
    if (this._wanted) this._now();
  }

  /** @param {string} sessionId @param {Watcher} watcher */
  _attach(sessionId, watcher) {
    const at = watcher.position();
    const from = at && at.seq > 0 ? { epoch: at.epoch, after_seq: at.seq } : {};
    this._send({ type: "session.attach", session_id: sessionId, ...from });
  }

  async _connect() {
    this._clear();
    this._tell("connecting");
    let token;
    try {
      token = await this._parts.token(this._refusedToken);
    } catch (error) {
      if (error instanceof Refusal && error.code === "unauthorized") this._refuse(error);
      else this._later();
      return;
    }
    if (this.status !== "connecting" || this._socket) return;
    const open = this._parts.open ?? ((url, protocol) => new WebSocket(url, protocol));
    const socket = open(this._parts.url, SUBPROTOCOL);
    this._socket = socket;
    this._timers.open = setTimeout(() => this._lost(socket), OPEN_MS);
    socket.onopen = () => socket.send(JSON.stringify({ type: "auth", token }));
    socket.onmessage = (message) => socket === this._socket && this._heard(JSON.parse(message.data));
    socket.onclose = (close) => socket === this._socket && this._closed(close.code);
  }

  /** @param {any} frame */
  _heard(frame) {
    this._heardAt = Date.now();
    if (frame.type === "ready") {
      if (!this._ready) this._begin(frame);
      else this._planRenewal();
    } else if (frame.type === "pong" && typeof frame.t === "string") {
      this.dispatchEvent(new CustomEvent("done", { detail: frame.t }));
    } else if (frame.type === "error") {
      if (frame.request_id) this.dispatchEvent(new CustomEvent("refused", { detail: frame }));
      else if (frame.session_id && frame.code !== "rate_limited") {
        this._watchers.get(frame.session_id)?.refused(new Refusal(frame.code, frame.message));
      }
    } else if (frame.session_id) {
      if (frame.type === "session.created") this.dispatchEvent(new CustomEvent("created", { detail: frame }));
      this._watchers.get(frame.session_id)?.event(frame);
    }
  }

  /** @param {any} ready */
  _begin(ready) {
    clearTimeout(this._timers.open);
    this._ready = true;
    this._attempt = 0;
    this._refusedToken = false;
    this._heartbeatMs = (ready.heartbeat_s || 20) * 1000;
    // The server's own pings can't be seen from here: what answers ours can.
    this._timers.beat = setInterval(() => this._check(true), this._heartbeatMs);
    this._planRenewal();
    this._tell("open");
    for (const [sessionId, watcher] of this._watchers) this._attach(sessionId, watcher);
    this.dispatchEvent(new Event("ready"));
  }

  _planRenewal() {
    clearTimeout(this._timers.renew);
    const wait = this._parts.renewIn();
    if (wait === null) return;
    this._timers.renew = setTimeout(async () => {
      try {
        const token = await this._parts.token();
        if (this._ready) this._send({ type: "auth", token });
      } catch {
        // The server closes with 4401 when the old one ends, and that is dealt with.
      }
    }, Math.min(wait, 2 ** 31 - 1));
  }

  /** @param {boolean} [ping] */
  _check(ping = false) {
    if (!this._ready || !this._socket) {
      if (this.status === "waiting") this._now();
      return;
    }
    if (Date.now() - this._heardAt > 2 * this._heartbeatMs + 1000) this._lost(this._socket);
    else if (ping || Date.now() - this._heardAt > this._heartbeatMs) this._send({ type: "ping", t: Date.now() });
  }

  /** @param {number} code */
  _closed(code) {
    this._forget();
    if (code === UNAUTHORIZED && this._refusedToken) {
      this._refuse(new Refusal("unauthorized", "", { status: 401 }));
    } else if (FINAL.has(code)) {
      this._refuse(new Refusal(code === 1009 ? "too_large" : "forbidden", ""));
    } else if (this._wanted) {
      this._refusedToken = code === UNAUTHORIZED;
      if (code === TOO_MANY) this._attempt = Math.max(this._attempt, 5);
      this._later(code === UNAUTHORIZED ? 0 : null);
    } else {
      this._tell("idle");
    }
  }

  /** @param {Refusal} error */
  _refuse(error) {
    this._tell("closed");
    for (const watcher of [...this._watchers.values()]) watcher.refused(error);
  }

  /** @param {WebSocket} socket */
  _lost(socket) {
    if (socket !== this._socket) return;
    this._forget();
    hangUp(socket);
    if (this._wanted) this._later();
  }

  /** @param {number | null} [waitMs] */
  _later(waitMs = null) {
    this._tell("waiting");
    clearTimeout(this._timers.retry);
    if (navigator.onLine === false) return;
    this._timers.retry = setTimeout(() => this._connect(), waitMs ?? backoff(this._attempt));
    this._attempt += 1;
  }

  _now() {
    if (this._socket || !this._wanted) return;
    this._attempt = 0;
    this._connect();
  }

  _drop() {
    const socket = this._socket;
    this._forget();
    hangUp(socket);
    clearTimeout(this._timers.retry);
    if (this._wanted) this._tell("waiting");
  }

  _end() {
    const socket = this._socket;
    this._forget();
    clearTimeout(this._timers.retry);
    hangUp(socket);
    this._tell("idle");
  }

  _forget() {
    this._socket = null;
    this._ready = false;
    this._clear();
  }

  _clear() {
    clearInterval(this._timers.beat);
    clearTimeout(this._timers.renew);
    clearTimeout(this._timers.open);
    clearTimeout(this._timers.retry);
  }

  /** @param {unknown} frame */
  _send(frame) {
    if (this._socket?.readyState === 1) this._socket.send(JSON.stringify(frame));
  }

  /** @param {"idle" | "connecting" | "open" | "waiting" | "closed"} status */
  _tell(status) {
    this.status = status;
    this.dispatchEvent(new Event("status"));
  }
}

/** One that is still opening is closed once it is open: before that, the browser would tell of a fault. @param {WebSocket | null} socket */
function hangUp(socket) {
  if (socket?.readyState === 0) socket.onopen = () => socket.close(1000);
  else socket?.close(1000);
}
