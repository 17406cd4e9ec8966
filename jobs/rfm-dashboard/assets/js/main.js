// The page, top to bottom: who is there (session) -> what is asked for (address) -> the page that shows it.

import { announce, connectAnnouncer } from "./announce.js";
import { session, sessionEvents } from "./api.js";
import { createCustomerPage } from "./customer/page.js";
import { h, replace } from "./dom.js";
import { helpDialog, startKeyboard } from "./keyboard.js";
import { OrderStream } from "./live/order-stream.js";
import { createLivePage } from "./live/page.js";
import { createOverviewPage } from "./overview/page.js";
import { customerAddress, startRouter } from "./router.js";
import { createShell } from "./shell.js";
import { showSignIn } from "./sign-in.js";
import { createWallPage } from "./wall/page.js";

const PAGES = { overview: createOverviewPage, live: createLivePage, customer: createCustomerPage, wall: createWallPage };
const TITLES = { overview: "Overview", live: "Live orders", customer: "Customer", wall: "Wall", lost: "Not found" };

const main = document.getElementById("main");
const help = helpDialog();
document.body.append(help);
connectAnnouncer(document.querySelector("[data-status]"));

let page = null;
let signedIn = false;
let sessionNow = null;
const router = startRouter(show);
const shell = createShell({ router, showHelp: () => help.showModal(), afterSignOut: askForSignIn });

/** Shows what the address asks for. The same page is told of its new address; another one replaces it. */
function show(route, kind) {
  if (!signedIn) return;
  const name = route.page === "overview" && route.values.view === "wall" ? "wall" : route.page;
  document.documentElement.dataset.view = name === "wall" ? "wall" : "page";
  document.title = route.customer ? `${route.customer.slice(0, 24)} · RFM` : `${TITLES[name]} · RFM`;
  shell.showRoute(route);
  if (page?.name !== name) {
    page?.destroy();
    main.replaceChildren();
    page = { name, ...makePage(name, route) };
    main.append(page.root);
    if (kind === "navigation" || kind === "history") scrollTo(0, 0);
  }
  page.update?.(route, kind);
  showRefused(route.refused);
  // After a navigation a screen reader starts at the new page's heading.
  if (kind === "navigation") (page.focusTarget?.() ?? main).focus({ preventScroll: true });
}

function makePage(name) {
  const create = PAGES[name];
  if (create) return create({ router, session: sessionNow, shell });
  const heading = h("h1", { tabindex: "-1" }, "There is no such page");
  return {
    root: h("div", { class: "lost" }, heading, h("p", {}, h("a", { href: "/" }, "To the overview"))),
    focusTarget: () => heading,
    destroy() {},
  };
}

function showRefused(names) {
  document.querySelector(".refused")?.remove();
  if (names.length === 0) return;
  const list = names.slice(0, 4).map((name) => name.slice(0, 24)).join(", ");
  const notice = h("p", { class: "notice stale refused" },
    h("strong", {}, "Left out of the address:"), h("span", {}, `${list}. The values make no sense here.`));
  page.root.prepend(notice);
}

/** Replaces the content; the address stays, and is shown after the sign-in. */
function askForSignIn() {
  if (!signedIn && main.querySelector(".sign-in")) return;
  signedIn = false;
  page?.destroy();
  page = null;
  document.documentElement.dataset.view = "signed-out";
  shell.signedOut();
  showSignIn(main, sessionNow?.auth ?? "token", begin);
  document.querySelector("[data-alert]").textContent = "You are signed out.";
}

function begin(answer) {
  sessionNow = answer;
  OrderStream.configured = answer.live?.state !== "not_configured";
  signedIn = true;
  document.querySelector("[data-alert]").textContent = "";
  replace(main);
  shell.signedIn(answer);
  router.start();
}

sessionEvents.addEventListener("signedout", () => signedIn && askForSignIn());

function go(address) {
  return () => {
    if (!signedIn) return false;
    router.go(address);
    return true;
  };
}

startKeyboard({
  "/": () => shell.focusLookup(),
  "g o": go("/"),
  "g l": go("/live"),
  "g c": go(customerAddress("")),
  "?": () => help.showModal(),
  p: () => page?.keys?.pause?.() ?? false,
  j: () => page?.keys?.next?.() ?? false,
  k: () => page?.keys?.previous?.() ?? false,
  t: () => page?.keys?.table?.() ?? false,
  Escape: (event) => page?.keys?.escape?.(event) ?? false,
});

async function start() {
  try {
    sessionNow = await session();
  } catch (error) {
    const retry = h("button", { type: "button", class: "button", on: { click: start } }, "Try again");
    replace(main, h("p", { class: "notice error" }, h("strong", {}, "The dashboard does not answer."), error.message, retry));
    announce("The dashboard does not answer.", true);
    return;
  }
  if (sessionNow.authenticated) begin(sessionNow);
  else askForSignIn();
}

start();
