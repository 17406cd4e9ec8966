// Light, dark, or what the system says; remembered. Canvases listen for "themechange" and draw anew.

import { h, segmentedSwitch, svg } from "./dom.js";

const KEY = "rfm.theme";
const THEMES = ["system", "light", "dark"];

export const themeEvents = new EventTarget();

function remembered() {
  const kept = read(KEY);
  return THEMES.includes(kept) ? kept : "system";
}

function apply(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  themeEvents.dispatchEvent(new Event("themechange"));
}

export function themeSwitch() {
  const current = document.documentElement.dataset.theme ?? remembered();
  const options = [
    ["light", face("Light", "M8 3a5 5 0 0 0 0 10A5 5 0 0 0 8 3Z", "none"), "Light theme"],
    ["system", face("Auto", "M8 3a5 5 0 0 0 0 10Z", "currentColor"), "Auto, the theme of the system"],
    ["dark", face("Dark", "M8 3a5 5 0 0 0 0 10A5 5 0 0 0 8 3Z", "currentColor"), "Dark theme"],
  ];
  const control = segmentedSwitch("Theme", options, current, (theme) => {
    write(KEY, theme);
    apply(theme);
  });
  control.root.classList.add("theme-switch");
  return control.root;
}

/** A word where there is room, else a disc: empty, half, full. */
function face(word, path, fill) {
  return [
    h("span", { class: "theme-word" }, word),
    svg("svg", { class: "theme-disc", viewBox: "0 0 16 16", "aria-hidden": "true" },
      svg("circle", { cx: 8, cy: 8, r: 5.5, fill: "none", stroke: "currentColor", "stroke-width": 1.5 }), svg("path", { d: path, fill })),
  ];
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => themeEvents.dispatchEvent(new Event("themechange")));
matchMedia("(forced-colors: active)").addEventListener("change", () => themeEvents.dispatchEvent(new Event("themechange")));

/** Storage may be switched off; then nothing is remembered and nothing fails. */
export function read(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function write(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // See read.
  }
}
