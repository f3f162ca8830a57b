// @ts-check
/** A new story: what it is about, which template, and how. */

import { h, icon, put, say, show } from "../dom.js";
import { keep, recall } from "../kept.js";
import { Refusal } from "../rest.js";
import { duration, money, number, t, translated } from "../t.js";
import { paint } from "../theme.js";
import { storyList } from "../parts/stories.js";

const KEPT = "start";
const PROMPT_CHARACTERS = 20_000;
const WORDS_PER_PAGE = 300;
const GATES = ["outline", "draft", "final"];
const ESTIMATE_MS = 350;

/** @param {import("../main.js").Context} context */
export async function view(context) {
  const projectId = new URLSearchParams(location.search).get("project");
  const [templates, models, project] = await Promise.all([
    context.templates(), context.models(), projectId ? context.api("GET", `/v1/projects/${projectId}`) : null,
  ]);
  // What a project says of its stories comes before what was chosen for the last one.
  const defaults = Object.entries(project?.defaults ?? {}).filter(([, value]) => value !== null);
  const kept = { ...recall(KEPT), ...Object.fromEntries(defaults) };
  const chosen = templates.find((one) => one.name === kept.template) ?? templates.find((one) => one.default) ?? templates[0];
  const form = new Form(context, templates, models, kept, chosen, project);
  const recent = h("section.recent", { hidden: true, "aria-labelledby": "recent" });
  if (context.signin.known) {
    context.api("GET", "/sessions", { query: { kind: "story", limit: 3 } }).then((found) => {
      if (!found.items.length) return;
      put(recent, h("h2", { id: "recent" }, t("start.recent")), storyList(context, found.items, templates).node,
        h("p", {}, h("a", { href: "/dashboard" }, t("start.all"))));
      show(recent, true);
    }, () => null);
  }
  return {
    title: t("nav.new"),
    node: h("div.start", {}, form.node, recent),
    focus: form.prompt,
    end: () => form.end(),
  };
}

class Form {
  /** @param {import("../main.js").Context} context @param {any[]} templates @param {any[]} models @param {any} kept @param {any} chosen @param {any} project of which it is to be, null for none */
  constructor(context, templates, models, kept, chosen, project) {
    this.context = context;
    this.project = project;
    this.templates = templates;
    this.template = chosen;
    this.key = crypto.randomUUID();
    const field = this._field.bind(this);
    this.prompt = h("textarea", {
      id: "prompt", rows: 4, maxlength: PROMPT_CHARACTERS, required: true, dir: "auto", placeholder: t("start.placeholder"),
      value: kept.prompt ?? "", "aria-describedby": "prompt-trouble", on: {
        keydown: (/** @type {KeyboardEvent} */ event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.node.requestSubmit();
        },
      },
    });
    this.trouble = h("p.trouble", { id: "prompt-trouble", role: "alert", hidden: true });
    this.pages = h("input", { id: "pages", type: "number", min: 1, max: 100, step: 1, required: true, value: kept.pages ?? 3 });
    this.range = h("input", { type: "range", min: 1, max: 100, value: kept.pages ?? 3, "aria-label": t("start.pages") });
    this.length = h("span.hint", { id: "pages-hint" });
    this.pages.setAttribute("aria-describedby", "pages-hint");
    this.range.addEventListener("input", () => (this.pages.value = this.range.value));
    this.pages.addEventListener("input", () => (this.range.value = this.pages.value));
    this.options = h("div.fields", {});
    this.protagonist = h("input", { id: "protagonist", maxlength: 200, dir: "auto", value: kept.protagonist ?? "" });
    this.tone = h("input", { id: "tone", maxlength: 200, dir: "auto", value: kept.tone ?? "" });
    this.language = h("input", { id: "story-language", maxlength: 200, dir: "auto", list: "languages", value: kept.language ?? "", placeholder: t("start.language.any") });
    this.model = h("select", { id: "model" }, ...models.map((one) =>
      h("option", { value: one.default ? "" : one.name, selected: one.name === kept.model, title: one.description }, one.default ? t("start.model.default", { name: one.name }) : one.name)));
    this.about = h("span.hint", {});
    this.gates = GATES.map((gate) => h("input", { type: "checkbox", id: `gate-${gate}`, value: gate, checked: (kept.approvals ?? []).includes(gate) }));
    this.revisions = h("input", { id: "revisions", type: "number", min: 0, max: 5, value: kept.max_revisions ?? 2 });
    this.tokens = h("input", { id: "budget-tokens", type: "number", min: 1, step: 1, value: kept.budget?.tokens ?? "" });
    this.usd = h("input", { id: "budget-usd", type: "number", min: 0.01, step: 0.01, value: kept.budget?.usd ?? "" });
    this.estimate = h("p.estimate", { "aria-live": "polite" });
    this.button = h("button.button.primary.large", { type: "submit" }, icon("spark"), t("start.begin"));
    this.cards = h("div.cards", {}, ...templates.map((one) => this._card(one)));
    this.examples = h("div.examples", { role: "group", "aria-label": t("start.examples") });
    this.more = h("details.more", { open: kept.more === true }, h("summary", {}, t("start.more")),
      h("div.fields", {},
        field("protagonist", t("start.protagonist"), this.protagonist),
        field("tone", t("start.tone"), this.tone),
        field("story-language", t("start.language"), this.language),
        field("model", t("start.model"), this.model, this.about),
        field("revisions", t("start.revisions"), this.revisions)),
      h("fieldset", {}, h("legend", {}, t("start.gates")), h("p.hint", {}, t("start.gates.about")),
        h("div.checks", {}, ...this.gates.map((box, index) => h("label.check", { for: box.id }, box, t(`start.gate.${GATES[index]}`))))),
      h("fieldset", {}, h("legend", {}, t("start.budget")), h("p.hint", {}, t("start.budget.about")),
        h("div.fields", {}, field("budget-tokens", t("budget.tokens"), this.tokens), field("budget-usd", t("budget.usd"), this.usd))),
      h("datalist", { id: "languages" }, ...LANGUAGES_OFFERED.map((one) => h("option", { value: one }))));
    this.node = h("form.begin", { novalidate: true, on: {
      submit: (/** @type {Event} */ event) => {
        event.preventDefault();
        this._begin();
      },
      input: () => this._changed(),
    } },
      h("h1", {}, t("start.title")),
      project ? h("p.notice.row", {}, icon("folder"), h("span", {}, t("start.inProject"), " ", h("a", { href: `/project/${project.id}`, dir: "auto" }, project.name))) : null,
      h("label.visually-hidden", { for: "prompt" }, t("start.prompt")), this.prompt, this.trouble, this.examples,
      h("fieldset.templates", {}, h("legend", {}, t("start.template")), this.cards),
      h("fieldset.how", {}, h("legend", {}, t("start.how")),
        h("div.fields", {}, field("pages", t("start.pages"), h("div.range", {}, this.range, this.pages), this.length)),
        this.options),
      this.more,
      h("div.go", {}, this.button, this.estimate));
    this._shown(kept.theme_options ?? {});
    this._changed();
  }

  end() {
    clearTimeout(this._soon);
    this._asking?.abort();
  }

  /** @param {string} id @param {string} words @param {Node} control @param {Node} [hint] */
  _field(id, words, control, hint) {
    return h("div.field", {}, h("label", { for: id }, words), control, hint);
  }

  /** @param {any} template */
  _card(template) {
    const radio = h("input", { type: "radio", name: "template", id: `template-${template.name}`, value: template.name, checked: template === this.template, on: {
      change: () => {
        this.template = template;
        this._shown({});
      },
    } });
    const card = h("label.card", { for: radio.id }, radio, h("strong", {}, template.title), h("span", {}, template.description));
    paint(card, template.theme.accent);
    return card;
  }

  /** What depends on the template. @param {Record<string, string>} kept */
  _shown(kept) {
    paint(this.node, this.template.theme.accent);
    const others = this.templates.filter((one) => one !== this.template);
    const examples = [this.template, ...others].slice(0, 3).map((one) => one.example_prompt);
    put(this.examples, h("span.hint", {}, t("start.try")), ...examples.map((example) =>
      h("button.example", { type: "button", dir: "auto", on: { click: () => {
        this.prompt.value = example;
        this.prompt.focus();
        this._changed();
      } } }, example)));
    put(this.options, ...this.template.theme.options.map((/** @type {any} */ option) => {
      const effect = (/** @type {string} */ value) => translated(option.effects[value] ?? "");
      const hint = h("span.hint", { dir: "auto" }, effect(kept[option.name] ?? option.default));
      const select = h("select", { id: `option-${option.name}`, data: { option: option.name }, on: {
        change: () => say(hint, effect(select.value)),
      } }, ...option.values.map((/** @type {string} */ value) =>
        h("option", { value, selected: value === (kept[option.name] ?? option.default) }, translated(value))));
      return this._field(select.id, translated(option.title), select, hint);
    }));
  }

  _values() {
    const text = (/** @type {HTMLInputElement} */ box) => box.value.trim() || undefined;
    const budget = {
      ...(this.tokens.value ? { tokens: Number(this.tokens.value) } : {}), ...(this.usd.value ? { usd: Number(this.usd.value) } : {}),
    };
    return {
      pages: Number(this.pages.value), protagonist: text(this.protagonist), tone: text(this.tone), language: text(this.language),
      model: this.model.value || undefined, max_revisions: Number(this.revisions.value),
      approvals: this.gates.filter((box) => box.checked).map((box) => box.value),
      budget: Object.keys(budget).length ? budget : undefined,
      theme_options: Object.fromEntries([...this.options.querySelectorAll("select")].map((one) => [one.dataset.option, one.value])),
    };
  }

  _changed() {
    const values = this._values();
    const pages = values.pages || 0;
    say(this.length, t("start.words", { count: pages * WORDS_PER_PAGE }));
    show(this.trouble, false);
    keep(KEPT, { ...values, prompt: this.prompt.value, template: this.template.name, more: this.more.open });
    clearTimeout(this._soon);
    this._soon = setTimeout(() => this._guess(values), ESTIMATE_MS);
  }

  /** What it may take, where the service can tell. @param {any} values */
  async _guess(values) {
    this._asking?.abort();
    const { signin } = this.context;
    // Whoever only looks at the page is nobody yet; who types is about to be.
    if (!values.pages || !(signin.known || (signin.guests && this.prompt.value.trim()))) return;
    try {
      if (!signin.known) await signin.anonymous();
      const asking = (this._asking = new AbortController());
      const query = { template: this.template.name, pages: values.pages, model: values.model, max_revisions: values.max_revisions };
      const told = await this.context.api("GET", "/sessions/estimate", { query, signal: asking.signal });
      say(this.estimate, estimateWords(told));
    } catch {
      // A guess that can't be had is no trouble: the story can begin without it.
      say(this.estimate, "");
    }
  }

  async _begin() {
    const prompt = this.prompt.value.trim();
    const wrong = [...this.node.elements].find((one) => one !== this.prompt && one.willValidate && !one.checkValidity());
    if (!prompt) {
      this._tell(t("start.empty"));
      this.prompt.focus();
      return;
    }
    if (wrong) {
      wrong.closest("details")?.setAttribute("open", "");
      wrong.reportValidity();
      return;
    }
    this.button.disabled = true;
    try {
      if (!(await this.context.signedIn())) return;
      const body = { prompt, template: this.template.name, config: this._values(), project_id: this.project?.id };
      const session = await this._sent(body);
      keep(KEPT, { ...recall(KEPT), prompt: "" });
      await this.context.go(`/s/${session.id}`);
    } catch (error) {
      this._tell(this.context.words(error));
    } finally {
      this.button.disabled = false;
    }
  }

  /** Again where the answer is lost: with the same key it is never a second story. @param {unknown} body */
  async _sent(body) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const session = await this.context.api("POST", "/sessions", { body, key: this.key });
        this.key = crypto.randomUUID();
        return session;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        if (error.code !== "offline" || attempt === 2) {
          if (error.code !== "offline") this.key = crypto.randomUUID();
          throw error;
        }
        await new Promise((done) => setTimeout(done, 800 * (attempt + 1)));
      }
    }
  }

  /** @param {string} message */
  _tell(message) {
    say(this.trouble, message);
    show(this.trouble, true);
    this.trouble.scrollIntoView({ block: "nearest" });
  }
}

/** @param {any} told */
function estimateWords(told) {
  const parts = [];
  if (told.tokens) parts.push(t("estimate.tokens", { count: number(told.tokens, { maximumSignificantDigits: 2 }) }));
  const usd = told.cost_usd ?? told.usd;
  if (usd !== null && usd !== undefined) parts.push(usd > 0 ? t("estimate.cost", { cost: money(usd) }) : t("estimate.free"));
  if (told.seconds >= 1) parts.push(t("estimate.time", { time: duration(told.seconds) }));
  return parts.length ? `${t("estimate")} ${parts.join(" · ")}` : "";
}

const LANGUAGES_OFFERED = [
  "English", "Español", "Français", "Deutsch", "Italiano", "Português", "Polski", "Nederlands", "العربية", "עברית", "Русский",
  "中文", "日本語", "한국어", "हिन्दी",
];
