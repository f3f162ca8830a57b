// @ts-check
/** Words of the page, in the reader's language. One file a language under ../strings/. */

import { keep, recall } from "./kept.js";
import en from "../strings/en.js";

export const LANGUAGES = Object.freeze({ en: "English", es: "Español" });

/** @type {Record<string, string | Record<string, string>>} */
let words = en;
/** @type {Record<string, string>} what the service says in English, by that English */
let said = {};
let plurals = new Intl.PluralRules("en");
export let language = "en";

/** The one chosen here, else the first of the browser's that there is. */
export async function loadLanguage() {
  const wanted = [recall("language"), ...navigator.languages].map((one) => String(one ?? "").split("-")[0]);
  language = wanted.find((one) => one in LANGUAGES) ?? "en";
  if (language !== "en") {
    const found = await import(`../strings/${language}.js`);
    words = { ...en, ...found.default };
    said = found.said;
  }
  plurals = new Intl.PluralRules(language);
  document.documentElement.lang = language;
}

/** @param {string} chosen */
export function chooseLanguage(chosen) {
  keep("language", chosen);
  location.reload();
}

/**
 * @param {string} key @param {Record<string, unknown>} [values] for `{name}`; `count` chooses among the forms of a plural
 */
export function t(key, values = {}) {
  const found = words[key];
  const form = typeof found === "object" ? found[plurals.select(Number(values.count))] ?? found.other : found;
  if (form === undefined) return key;
  return form.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === "number" ? number(value) : String(value);
  });
}

/** What `t` says, or `otherwise` where there are no words for it: agents and steps may have any name. @param {string} key @param {string} otherwise */
export const tOr = (key, otherwise) => (key in words ? t(key) : otherwise);

/** A text that the service brings with its own templates, in the language of the page; any other as it is. @param {string} text */
export const translated = (text) => said[text] ?? text;

/** @param {number} value @param {Intl.NumberFormatOptions} [options] */
export const number = (value, options) => new Intl.NumberFormat(language, options).format(value);

/** @param {number} usd */
export const money = (usd) =>
  number(usd, { style: "currency", currency: "USD", maximumFractionDigits: usd > 0 && usd < 0.1 ? 4 : 2 });

/** @param {string | number | Date} at */
export const dateTime = (at) =>
  new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(at));

/** The hour of what is of today, else the day as well. @param {string | number | Date} at */
export function clock(at) {
  const today = new Date(at).toDateString() === new Date().toDateString();
  return today ? new Intl.DateTimeFormat(language, { timeStyle: "short" }).format(new Date(at)) : dateTime(at);
}

/** @param {string | number | Date} at */
export function ago(at) {
  const seconds = (new Date(at).getTime() - Date.now()) / 1000;
  const form = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  /** @type {[Intl.RelativeTimeFormatUnit, number][]} */
  const steps = [["day", 86_400], ["hour", 3600], ["minute", 60]];
  for (const [unit, size] of steps) if (Math.abs(seconds) >= size) return form.format(Math.round(seconds / size), unit);
  return form.format(Math.round(seconds / 10) * 10, "second");
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 9.95) return t("time.seconds", { count: Math.max(0.1, Math.round(seconds * 10) / 10) });
  if (seconds < 60) return t("time.seconds", { count: Math.round(seconds) });
  if (seconds < 3600) return t("time.minutes", { count: Math.round(seconds / 60) });
  return t("time.hours", { count: Math.round(seconds / 360) / 10 });
}
