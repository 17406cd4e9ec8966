// Keys without modifiers, silent while somebody types, and off for those who switch them off (WCAG 2.1.4).

import { h } from "./dom.js";
import { read, write } from "./theme.js";

const OFF = "rfm.keys";
const SECOND_KEY_MS = 1200;

export const KEYS = [
  [["/"], "Look up a customer"],
  [["g", "o"], "Overview"],
  [["g", "l"], "Live orders"],
  [["g", "c"], "Customer look-up page"],
  [["p"], "Pause or resume the live list"],
  [["j"], "Next row"],
  [["k"], "Previous row"],
  [["Enter"], "Open the row's customer"],
  [["t"], "Chart or table, in the panel that has the focus, else in all"],
  [["Esc"], "Clear the filter, close what is open"],
  [["?"], "This list"],
];

/** `actions`: {"/": f, "g o": f, "p": f, ...}. A missing action leaves the key to the browser. */
export function startKeyboard(actions) {
  let first = null;
  let firstAt = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (typing(event.target) && event.key !== "Escape") return;
    if (!enabled() && event.key !== "Escape") return;
    if (document.querySelector("dialog[open]")) return;
    const sequence = first && performance.now() - firstAt < SECOND_KEY_MS ? `${first} ${event.key}` : event.key;
    first = null;
    const action = actions[sequence] ?? actions[event.key];
    if (action) {
      if (action(event) !== false) event.preventDefault();
    } else if (event.key === "g") {
      first = "g";
      firstAt = performance.now();
    }
  });
}

const typing = (target) => target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

export const enabled = () => read(OFF) !== "off";

export function helpDialog() {
  const check = h("input", { type: "checkbox", checked: enabled(), on: { change: () => write(OFF, check.checked ? "on" : "off") } });
  const keys = KEYS.map(([sequence, what]) => [
    h("dt", {}, sequence.map((key) => h("kbd", {}, key))),
    h("dd", {}, what),
  ]);
  const dialog = h("dialog", { "aria-labelledby": "help-title" },
    h("div", { class: "dialog-head" },
      h("h2", { id: "help-title" }, "Keys"),
      h("button", { type: "button", class: "button quiet", on: { click: () => dialog.close() } }, "Close")),
    h("dl", { class: "help-keys" }, keys),
    h("label", { class: "check" }, check, "Use single keys"));
  return dialog;
}
