// @ts-check
/** Puts the page together: language, scheme, who is writing, and the view that the address asks for. */

import { Connection } from "./connection.js";
import { h, icon, put, say } from "./dom.js";
import { Refusal, request } from "./rest.js";
import { SignIn } from "./signin.js";
import { LANGUAGES, chooseLanguage, language, loadLanguage, t, translated } from "./t.js";
import { SCHEMES, applyScheme, chooseScheme, paint, scheme } from "./theme.js";
import { askDialog, toast } from "./parts/dialogs.js";

/**
 * @typedef {{title: string, node: Node, accent?: string, end?: () => void, focus?: HTMLElement}} View
 * @typedef {ReturnType<typeof makeContext>} Context
 * @type {[RegExp, string, () => Promise<{view: (context: any, ...found: string[]) => Promise<View> | View}>][]}
 */
const ROUTES = [
  [/^\/$/, "start", () => import("./views/start.js")],
  [/^\/dashboard$/, "dashboard", () => import("./views/dashboard.js")],
  [/^\/sign-in$/, "signin", () => import("./views/signin.js")],
  [/^\/chats$/, "chats", () => import("./views/chats.js")],
  [/^\/chat$/, "chat-new", () => import("./views/chat-new.js")],
  [/^\/chat\/([0-9a-f-]{36})$/i, "chat", () => import("./views/chat.js")],
  [/^\/projects$/, "projects", () => import("./views/projects.js")],
  [/^\/project\/([0-9a-f-]{36})$/i, "project", () => import("./views/project.js")],
  [/^\/invite\/([^/]+)$/, "invite", () => import("./views/invite.js")],
  [/^\/s\/([0-9a-f-]{36})$/i, "session", () => import("./views/session.js")],
  [/^\/s\/([0-9a-f-]{36})\/read$/i, "read", () => import("./views/read.js")],
  [/^\/shared\/([^/]+)$/, "shared", () => import("./views/shared.js")],
  [/^\/admin$/, "admin", () => import("./views/admin.js")],
  [/^\/admin\/s\/([0-9a-f-]{36})$/i, "admin-session", () => import("./views/admin-session.js")],
];
const ANNOUNCE_MS = 4000;

/** @param {any} config @param {SignIn} signin */
function makeContext(config, signin) {
  const connection = new Connection({
    url: `${location.origin.replace(/^http/, "ws")}/ws/stories`,
    token: (renew) => signin.token(renew),
    renewIn: () => signin.renewIn,
  });
  /** @type {Promise<any[]> | null} */
  let templates = null;
  /** @type {Promise<any[]> | null} */
  let models = null;
  /** @type {Promise<any[]> | null} */
  let agents = null;
  /** @type {Promise<Set<string>> | null} */
  let offered = null;
  const context = {
    config, signin, connection, go, announce, toast, ask: askDialog,
    /** @param {string} method @param {string} path @param {import("./rest.js").Call & {open?: boolean}} [call] */
    async api(method, path, call = {}) {
      if (call.open) return request(method, `/api${path}`, call);
      const token = await signin.token();
      try {
        return await request(method, `/api${path}`, { ...call, token });
      } catch (error) {
        if (!(error instanceof Refusal) || error.status !== 401) throw error;
        return request(method, `/api${path}`, { ...call, token: await signin.token(true) });
      }
    },
    templates: () => (templates ??= lasting(request("GET", "/api/templates").then(inLanguage), () => (templates = null))),
    /** Those that one can talk with. */
    agents: () => (agents ??= lasting(request("GET", "/api/templates", { query: { kind: "chat" } }).then(agentsInLanguage), () => (agents = null))),
    models: () => (models ??= lasting(request("GET", "/api/models"), () => (models = null))),
    /** Whether this service has such a call. @param {string} method @param {string} path as in /openapi.json */
    async offers(method, path) {
      offered ??= lasting(calls(), () => (offered = null));
      return (await offered).has(`${method} /api${path}`);
    },
    /** Somebody is signed in on return, or the sign-in page is shown and this is false. */
    async signedIn() {
      if (signin.known) return true;
      if (signin.guests) {
        await signin.anonymous();
        return true;
      }
      go(`/sign-in?next=${encodeURIComponent(location.pathname)}`);
      return false;
    },
    /** Tells what went wrong in words. @param {unknown} error */
    words(error) {
      if (error instanceof Refusal) {
        if (error.code === "rate_limited") return t("error.rate_limited", { count: Math.ceil(error.retryAfter ?? 10) });
        return error.message || t(`error.${error.code}`);
      }
      throw error;
    },
    /** @param {unknown} error */
    tell(error) {
      toast(context.words(error), { bad: true });
    },
  };
  return context;
}

async function calls() {
  const document_ = await request("GET", "/openapi.json");
  return new Set(Object.entries(document_.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`)));
}

/** @param {any[]} templates */
const inLanguage = (templates) => templates.map((one) => ({
  ...one, title: translated(one.title), description: translated(one.description), example_prompt: translated(one.example_prompt),
}));

/** @param {any[]} agents */
const agentsInLanguage = (agents) => agents.map((one) => ({
  ...one, title: translated(one.title), description: translated(one.description), greeting: translated(one.greeting),
}));

/** What failed is asked for again next time. @template T @param {Promise<T>} promise @param {() => void} failed */
function lasting(promise, failed) {
  promise.catch(failed);
  return promise;
}

/** @type {ReturnType<typeof makeContext>} */
let context;
/** @type {View | null} */
let shown = null;
let turn = 0;

/** @param {string} address @param {{replace?: boolean}} [how] */
function go(address, how = {}) {
  history[how.replace ? "replaceState" : "pushState"](null, "", address);
  return open_();
}

async function open_() {
  const mine = ++turn;
  const main = /** @type {HTMLElement} */ (document.getElementById("main"));
  const [view, name] = await load(main);
  if (mine !== turn) {
    view.end?.();
    return;
  }
  shown?.end?.();
  const first = shown === null;
  shown = view;
  paint(document.documentElement, view.accent);
  put(main, view.node);
  document.title = view.title ? `${view.title} · Storyloom` : "Storyloom";
  document.body.dataset.view = name;
  drawTop();
  scrollTo(0, 0);
  // Whoever reads by ear is told that the page is another one; at the first the browser has said so itself.
  if (!first) (view.focus ?? main).focus({ preventScroll: true });
}

/** @param {HTMLElement} main @returns {Promise<[View, string]>} */
async function load(main) {
  main.setAttribute("aria-busy", "true");
  try {
    for (const [pattern, name, module] of ROUTES) {
      const match = pattern.exec(location.pathname);
      if (match) return [await (await module()).view(context, ...match.slice(1)), name];
    }
    return [nothing(t("error.page")), "nothing"];
  } catch (error) {
    if (error instanceof Refusal && error.code === "unauthorized" && context) {
      return [(await (await import("./views/signin.js")).view(context)), "signin"];
    }
    if (!(error instanceof Refusal)) throw error;
    return [nothing(context ? context.words(error) : t("error.offline"), error.code), "nothing"];
  } finally {
    main.removeAttribute("aria-busy");
  }
}

/** @param {string} message @param {string} [code] @returns {View} */
function nothing(message, code) {
  return {
    title: t("error.title"),
    node: h("section.nothing", {},
      h("h1", {}, code === "offline" ? t("error.offline.title") : t("error.title")),
      h("p", {}, message),
      h("p", {}, h("button.button", { type: "button", on: { click: () => open_() } }, t("again")), " ",
        h("a.quiet", { href: "/" }, t("nav.new")))),
  };
}

let lastWords = 0;
let waitingWords = 0;
/** Says something to who can't see it, at most every few seconds; what came in between is left out. @param {string} message */
function announce(message) {
  clearTimeout(waitingWords);
  const wait = Math.max(0, lastWords + ANNOUNCE_MS - Date.now());
  waitingWords = setTimeout(() => {
    lastWords = Date.now();
    say(/** @type {Element} */ (document.getElementById("announcer")), message);
  }, wait);
}

function drawTop() {
  const top = /** @type {HTMLElement} */ (document.getElementById("top"));
  const here = location.pathname;
  /** @param {string} address @param {string} words */
  const link = (address, words) => h("a", { href: address, "aria-current": here === address ? "page" : null }, words);
  const tokens = context.signin.tokens;
  put(top,
    h("a.brand", { href: "/", "aria-label": t("brand") },
      h("img", { src: "/studio/icons/storyloom.svg", alt: "", width: 28, height: 28 }), h("span", {}, "Storyloom")),
    h("nav", { "aria-label": t("nav") },
      link("/", t("nav.new")), link("/dashboard", t("nav.dashboard")), link("/chats", t("chats")), link("/projects", t("projects")),
      tokens?.admin ? link("/admin", t("nav.admin")) : null),
    h("div.settings", {},
      h("label.visually-hidden", { for: "language" }, t("language")),
      h("select", { id: "language", on: { change: (/** @type {any} */ event) => chooseLanguage(event.target.value) } },
        ...Object.entries(LANGUAGES).map(([code, name]) =>
          h("option", { value: code, lang: code, selected: code === language }, name))),
      schemeButton(),
      h("a.icon-button", { href: "/sign-in", "aria-label": t("nav.account"), title: t("nav.account") }, icon("person"))));
}

function schemeButton() {
  const button = h("button.icon-button", { type: "button", on: { click: () => {
    const next = SCHEMES[(SCHEMES.indexOf(scheme()) + 1) % SCHEMES.length];
    chooseScheme(next);
    draw();
    announce(t(`scheme.${next}`));
  } } });
  const draw = () => {
    const words = t("scheme", { now: t(`scheme.${scheme()}`) });
    button.setAttribute("aria-label", words);
    button.title = words;
    put(button, icon(scheme() === "dark" ? "moon" : scheme() === "light" ? "sun" : "half"));
  };
  draw();
  return button;
}

/** Links within the studio change the view, not the page. @param {MouseEvent} event */
function follow(event) {
  const link = /** @type {Element} */ (event.target).closest?.("a[href]");
  if (!(link instanceof HTMLAnchorElement) || event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || link.target || link.hasAttribute("download")) return;
  if (link.origin !== location.origin || (link.hash && link.pathname === location.pathname)) return;
  event.preventDefault();
  go(link.pathname + link.search);
}

async function begin() {
  applyScheme();
  await loadLanguage();
  say(/** @type {Element} */ (document.querySelector("a.skip")), t("skip"));
  document.getElementById("toasts")?.setAttribute("aria-label", t("notices"));
  let config;
  try {
    config = await request("GET", "/api/config");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const main = /** @type {HTMLElement} */ (document.getElementById("main"));
    put(main, h("section.nothing", {}, h("h1", {}, t("error.offline.title")), h("p", {}, error.message || t("error.offline")),
      h("p", {}, h("button.button", { type: "button", on: { click: () => location.reload() } }, t("again")))));
    return;
  }
  const signin = new SignIn(config);
  context = makeContext(config, signin);
  const trouble = signin.fromAddress((email) => confirm(t("signin.link.other", { email })));
  if (trouble) toast(trouble, { bad: true });
  signin.addEventListener("change", () => {
    context.connection.restart();
    drawTop();
  });
  document.addEventListener("click", follow);
  addEventListener("popstate", () => open_());
  await open_();
}

begin();
