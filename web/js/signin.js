// @ts-check
/**
 * Who is writing. Tokens live in this browser's storage and in headers, never in an address: where a Supabase magic
 * link brings some behind `#`, they are read and taken out of it at once.
 */

import { keep, recall, whenChanged } from "./kept.js";
import { Refusal, request } from "./rest.js";

const KEPT = "tokens";
const PENDING = "magic-link";
/** Renewed when less than this is left. */
const MARGIN_S = 60;

/**
 * @typedef {{access_token: string, refresh_token: string | null, expires_at: number, user_id: string, email: string | null,
 *   anonymous: boolean, admin: boolean}} Tokens
 */

export class SignIn extends EventTarget {
  /** @param {any} config the answer of /api/config */
  constructor(config) {
    super();
    this.local = config.sign_in.auth === "local";
    /** Whether anybody may come in as a guest; of a project only the project knows. */
    this.guests = this.local && config.sign_in.anonymous !== false;
    this._url = config.sign_in.url ? config.sign_in.url.replace(/\/+$/, "") : null;
    this._key = config.sign_in.publishable_key ?? null;
    /** @type {Promise<Tokens> | null} */
    this._renewing = null;
    /** @type {Promise<Tokens> | null} */
    this._arriving = null;
    whenChanged(KEPT, () => this._tell());
  }

  /** @returns {Tokens | null} */
  get tokens() {
    return recall(KEPT);
  }

  get known() {
    return this.tokens !== null;
  }

  /** What the project offers: `{anonymous, email, signup}`; a project that can't be asked offers e-mail. */
  async offers() {
    if (this.local) return { anonymous: this.guests, password: false, magic: false, signup: false, token: true };
    const told = await this._project("GET", "/settings");
    const email = told.external?.email !== false;
    return {
      anonymous: told.external?.anonymous_users === true, password: email, magic: email,
      signup: email && told.disable_signup !== true, token: false,
    };
  }

  /**
   * A token that is good for a while. Raises Refusal `unauthorized` where nobody is signed in.
   * @param {boolean} [renew] where the one before was refused
   * @returns {Promise<string>}
   */
  async token(renew = false) {
    const kept = this.tokens;
    if (kept === null) throw new Refusal("unauthorized", "", { status: 401 });
    if (!renew && kept.expires_at - Date.now() / 1000 > MARGIN_S) return kept.access_token;
    return (await this._renew(kept.access_token)).access_token;
  }

  /** When the token should be renewed, in ms from now. */
  get renewIn() {
    const kept = this.tokens;
    return kept ? Math.max(1000, (kept.expires_at - MARGIN_S) * 1000 - Date.now()) : null;
  }

  /** @param {string} stale @returns {Promise<Tokens>} */
  _renew(stale) {
    this._renewing ??= alone("storyloom.tokens", async () => {
      const kept = this.tokens;
      // Another tab was quicker.
      if (kept && kept.access_token !== stale && kept.expires_at - Date.now() / 1000 > MARGIN_S) return kept;
      if (!kept?.refresh_token) {
        if (kept && kept.expires_at > Date.now() / 1000) return kept;
        this.forget();
        throw new Refusal("unauthorized", "", { status: 401 });
      }
      try {
        const body = { refresh_token: kept.refresh_token };
        return this._take(this.local
          ? await request("POST", "/api/auth/refresh", { body })
          : await this._project("POST", "/token?grant_type=refresh_token", body));
      } catch (error) {
        if (error instanceof Refusal && [400, 401, 403, 422].includes(error.status)) this.forget();
        throw error;
      }
    }).finally(() => {
      this._renewing = null;
    });
    return this._renewing;
  }

  /**
   * A new anonymous writer: one, however many ask for it at once. A second would take the first one's stories out of reach.
   * @returns {Promise<Tokens>}
   */
  anonymous() {
    const before = this.tokens?.access_token;
    this._arriving ??= alone("storyloom.tokens", async () => {
      const kept = this.tokens;
      // Another tab was quicker.
      if (kept && kept.access_token !== before) return kept;
      return this._take(this.local
        ? await request("POST", "/api/auth/anonymous")
        : await this._project("POST", "/signup", { data: {} }));
    }).finally(() => {
      this._arriving = null;
    });
    return this._arriving;
  }

  /** @param {string} email @param {string} password */
  async password(email, password) {
    return this._take(await this._project("POST", "/token?grant_type=password", { email, password }));
  }

  /** @param {string} email @param {string} password @returns {Promise<boolean>} false: a letter has to be answered first */
  async signUp(email, password) {
    const told = await this._project("POST", `/signup?redirect_to=${encodeURIComponent(location.origin + "/")}`, { email, password });
    if (!told.access_token) return false;
    this._take(told);
    return true;
  }

  /** Sends a link by e-mail that leads back to where one is. @param {string} email */
  async magicLink(email) {
    const back = location.origin + location.pathname;
    await this._project("POST", `/otp?redirect_to=${encodeURIComponent(back)}`, { email, create_user: true });
    keep(PENDING, { at: Date.now() });
  }

  /** A token, or the key of another device, that a person has pasted. @param {string} text */
  async paste(text) {
    const told = claims(text.trim());
    if (told === null) throw new Refusal("unauthorized", "", { status: 401 });
    if (String(told.aud).endsWith(":refresh")) {
      return this._take(await request("POST", "/api/auth/refresh", { body: { refresh_token: text.trim() } }));
    }
    await request("GET", "/api/sessions", { token: text.trim(), query: { limit: 1 } });
    return this._take({ access_token: text.trim(), refresh_token: null, expires_at: told.exp });
  }

  /**
   * What a magic link has brought. Those asked for in this browser are taken; any other only once a person agrees,
   * since a link could sign them in as somebody else.
   * @param {(email: string) => boolean} agreed
   * @returns {string | null} what went wrong at the project
   */
  fromAddress(agreed) {
    if (this.local || !/[#&](access_token|error_description)=/.test(location.hash)) return null;
    const told = new URLSearchParams(location.hash.slice(1));
    history.replaceState(history.state, "", location.pathname + location.search);
    const token = told.get("access_token");
    if (!token) return told.get("error_description");
    const who = claims(token);
    if (who === null) return null;
    const asked = recall(PENDING) !== null;
    keep(PENDING, null);
    if (!asked && !agreed(String(who.email ?? who.sub))) return null;
    this._take({
      access_token: token, refresh_token: told.get("refresh_token"),
      expires_at: Number(told.get("expires_at")) || who.exp,
    });
    return null;
  }

  /** What brings this account to another device: the key of a sign-in of its own, for a token is good once. */
  async key() {
    await this.token();
    const kept = this.tokens;
    if (!kept?.refresh_token) return kept?.access_token ?? "";
    return (await request("POST", "/api/auth/device", { body: { refresh_token: kept.refresh_token } })).refresh_token;
  }

  async out() {
    const kept = this.tokens;
    this.forget();
    if (!kept) return;
    // Signed out here in any case: a service that can't be reached must not keep anybody.
    if (!this.local) {
      await this._project("POST", "/logout?scope=local", {}, kept.access_token).catch(() => null);
    } else if (kept.refresh_token) {
      await request("POST", "/api/auth/sign-out", { body: { refresh_token: kept.refresh_token } }).catch(() => null);
    }
  }

  forget() {
    keep(KEPT, null);
    this._tell();
  }

  /** @param {any} told @returns {Tokens} */
  _take(told) {
    const who = claims(told.access_token) ?? {};
    const tokens = {
      access_token: told.access_token, refresh_token: told.refresh_token ?? null,
      expires_at: told.expires_at ?? Date.now() / 1000 + (told.expires_in ?? 3600), user_id: who.sub ?? told.user?.id,
      email: who.email || told.user?.email || null, anonymous: who.is_anonymous ?? told.user?.is_anonymous ?? false,
      admin: who.app_metadata?.role === "admin",
    };
    keep(KEPT, tokens);
    this._tell();
    return tokens;
  }

  /** @param {string} method @param {string} path @param {unknown} [body] @param {string} [token] */
  _project(method, path, body, token) {
    return request(method, `${this._url}/auth/v1${path}`, { body, token, headers: this._key ? { apikey: this._key } : {} });
  }

  _tell() {
    this.dispatchEvent(new Event("change"));
  }
}

/** What a JWT says, unverified: the service verifies, this is for show. @param {string} token @returns {any} */
function claims(token) {
  try {
    const part = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(part), (character) => character.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}

/** One tab at a time, where the browser can. @template T @param {string} name @param {() => Promise<T>} work @returns {Promise<T>} */
function alone(name, work) {
  return navigator.locks ? navigator.locks.request(name, work) : work();
}
