// @ts-check
/** Light or dark, and a template's accent, made readable on either paper. */

import { keep, recall } from "./kept.js";

export const SCHEMES = Object.freeze(["auto", "light", "dark"]);
const PAPER = { light: "#fbf9f4", dark: "#191a20" };
/** WCAG AA for text, with a little to spare: accents also stand on tinted surfaces. */
const CONTRAST = 5.2;

export const scheme = () => recall("scheme") ?? "auto";

/** @param {string} chosen */
export function chooseScheme(chosen) {
  keep("scheme", chosen === "auto" ? null : chosen);
  applyScheme();
}

export function applyScheme() {
  const chosen = scheme();
  if (chosen === "auto") delete document.documentElement.dataset.scheme;
  else document.documentElement.dataset.scheme = chosen;
}

/** Gives `element` the colours of a template. @param {HTMLElement} element @param {string} [accent] */
export function paint(element, accent = "#4a5c8c") {
  element.classList.add("painted");
  element.style.setProperty("--accent-on-light", readable(accent, PAPER.light));
  element.style.setProperty("--accent-on-dark", readable(accent, PAPER.dark));
}

/**
 * The colour, moved towards black or white until text in it can be read on `paper`.
 * @param {string} colour @param {string} paper both `#rrggbb`
 */
export function readable(colour, paper) {
  const goal = luminance(paper) > 0.4 ? 0 : 255;
  let mixed = channels(colour);
  for (let step = 0; step <= 20 && contrast(hex(mixed), paper) < CONTRAST; step += 1) {
    mixed = channels(colour).map((one) => one + ((goal - one) * step) / 20);
  }
  return hex(mixed);
}

/** @param {string} one @param {string} other */
export function contrast(one, other) {
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}

/** @param {string} colour */
function luminance(colour) {
  const [r, g, b] = channels(colour).map((one) => {
    const share = one / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** @param {string} colour */
const channels = (colour) => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));

/** @param {number[]} mixed */
const hex = (mixed) => `#${mixed.map((one) => Math.round(one).toString(16).padStart(2, "0")).join("")}`;
