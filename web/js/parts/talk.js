// @ts-check
/** What the agents say to one another: everything that is kept, the story's own text as a line each. */

import { agentName, stepName } from "../cast.js";
import { h, put, show } from "../dom.js";
import { Growing, render } from "../markdown.js";
import { proseOf, words } from "../reading.js";
import { t } from "../t.js";

const SHORT = 420;

export class Talk {
  constructor() {
    this._list = h("ol.talk", {});
    this._now = h("div.said");
    this._growing = new Growing(this._now);
    this._who = h("p.by", {});
    this._writing = h("div.message.now", { hidden: true }, this._who, this._now);
    this.node = h("div", {}, this._list, this._writing);
    /** @type {Map<string, HTMLElement>} */
    this._drawn = new Map();
  }

  /** @param {any[]} messages in order @param {any} partial @param {string | null} step */
  draw(messages, partial, step) {
    const scroller = /** @type {HTMLElement | null} */ (this.node.parentElement);
    const atEnd = scroller !== null && scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 40;
    let place = 0;
    const fresh = messages !== this._messages;
    this._messages = messages;
    for (const message of fresh ? messages : []) {
      let node = this._drawn.get(message.id);
      if (!node) {
        node = messageNode(message);
        this._drawn.set(message.id, node);
      }
      if (this._list.children[place] !== node) this._list.insertBefore(node, this._list.children[place] ?? null);
      place += 1;
    }
    const speaks = partial !== null && !proseOf(step);
    show(this._writing, speaks);
    if (speaks) {
      put(this._who, h("strong", {}, agentName(partial.agent)), ` · ${stepName(step)}`);
      this._growing.set(partial.text);
    } else if (this._growing.text) {
      this._growing.set("");
      this._now.replaceChildren();
    }
    if (atEnd && scroller) scroller.scrollTop = scroller.scrollHeight;
  }
}

/** @param {any} message */
export function messageNode(message) {
  const person = message.role === "user";
  const head = h("p.by", {}, h("strong", {}, person ? t("you") : agentName(message.agent)),
    message.step ? ` · ${stepName(message.step)}` : message.seq === 1 && person ? ` · ${t("talk.prompt")}` : person ? ` · ${t("talk.note")}` : "");
  const notes = (message.metadata?.notes ?? []).map((/** @type {string} */ note) => h("p.done", { dir: "auto" }, note));
  if (proseOf(message.step)) {
    return h("li.message.wrote", {}, head, h("p.said", {}, t("talk.wrote", { count: words(message.content) })), ...notes);
  }
  const said = h("div.said", {});
  if (message.content.length > SHORT) {
    const first = message.content.split("\n").find((/** @type {string} */ line) => line.trim()) ?? "";
    const details = h("details", {}, h("summary", { dir: "auto" }, first.replace(/^[#>\s]+|[*_`]/g, "").slice(0, 160)));
    // A long message is laid out when somebody wants to read it.
    details.addEventListener("toggle", () => {
      if (details.open && details.children.length === 1) {
        const body = h("div", {});
        body.append(render(message.content, { top: 3 }));
        details.append(body);
      }
    });
    said.append(details);
  } else {
    said.append(person ? h("p", { dir: "auto" }, message.content) : render(message.content, { top: 3 }));
  }
  return h(person ? "li.message.mine" : "li.message", { data: { agent: message.agent ?? "" } }, head, said, ...notes);
}
