// The frame around every page: navigation, look-up, theme, sign-out, and the dot that tells how the live feed is.

import { signOut } from "./api.js";
import { h, replace, setAttribute } from "./dom.js";
import { zone } from "./format.js";
import { customerAddress } from "./router.js";
import { themeSwitch } from "./theme.js";

const LIVE_WORDS = {
  live: "live", quiet: "quiet", stale: "stale", reconnecting: "reconnecting", upstream: "Kafka cannot be reached", paused: "paused", off: "not connected",
};

export function createShell({ router, showHelp, afterSignOut }) {
  const links = [...document.querySelectorAll("[data-page]")];
  const lookup = document.querySelector("[data-lookup]");
  const input = lookup.elements.id;
  const tools = document.querySelector("[data-tools]");
  const foot = document.querySelector("[data-foot]");
  const dot = document.querySelector("[data-live-dot]");

  const help = h("button", { type: "button", class: "button quiet help-button", "aria-label": "Keys", title: "Keys (?)", on: { click: showHelp } }, "?");
  const out = h("button", { type: "button", class: "button quiet", hidden: true, on: { click: leave } }, "Sign out");
  tools.append(themeSwitch(), help, out);

  lookup.addEventListener("submit", (event) => {
    event.preventDefault();
    const id = input.value.trim();
    if (!id) return;
    input.value = "";
    router.go(customerAddress(id));
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") input.blur();
  });

  async function leave() {
    try {
      await signOut();
    } catch {
      // Not reached: the page forgets what it shows all the same, and the cookie ends by itself.
    }
    afterSignOut();
  }

  return {
    showRoute(route) {
      for (const link of links) setAttribute(link, "aria-current", link.dataset.page === route.page ? "page" : null);
    },
    signedIn(session) {
      lookup.hidden = false;
      out.hidden = session.auth === "none";
      replace(foot,
        h("span", {}, `Times in ${zone()}; snapshot dates are UTC days.`),
        h("span", {}, session.currency ? `Money in ${session.currency}.` : "Money in the currency of the input."),
        h("a", { href: "/api/openapi.json", target: "_blank", rel: "noopener" }, "API"),
        h("a", { href: "/?view=wall" }, "Wall view"),
        h("span", {}, `rfm-dashboard ${session.version}`));
    },
    signedOut() {
      lookup.hidden = true;
      out.hidden = true;
      replace(foot);
      this.showLive("off");
    },
    focusLookup() {
      if (lookup.hidden) return false;
      input.focus();
      input.select();
      return true;
    },
    /** `kind`: a key of LIVE_WORDS. */
    showLive(kind) {
      setAttribute(dot, "data-kind", kind);
      dot.title = LIVE_WORDS[kind] ?? "";
    },
  };
}
