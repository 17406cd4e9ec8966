// A live list: stream -> ring -> rows, at most four times a second. Pausing, or touching a row, holds what is shown; the ring fills on.

import { announce } from "../announce.js";
import { h, setText } from "../dom.js";
import { count, exact, plural, span } from "../format.js";
import { OrderStream } from "./order-stream.js";
import { createOrderRing } from "./order-ring.js";
import { createOrderTable, gapWords } from "./order-table.js";

const WRITE_EVERY_MS = 250;
// Newer orders push the row of a gap out of sight; the line below the list keeps it for a minute.
const GAP_NOTED_MS = 60_000;

/**
 * `rows`: how many orders are listed. `shell`: is told the state. `onStats`, `onSnapshot`: frames for others. `onState(old)`: whether
 * what is shown is of the past. `emptyText(state)`: what to say while nothing has come. `loud`: it is the page's subject, so that a
 * screen reader is told when orders begin to be left out.
 */
export function createFeed({ rows, shell = null, router, onStats = () => {}, onState = () => {}, onSnapshot = () => {}, emptyText = () => null, caption, loud = false }) {
  const stream = new OrderStream();
  const ring = createOrderRing();
  const table = createOrderTable({ rows, caption, onOpen: (id) => router.go(`/customers/${encodeURIComponent(id)}`) });
  const held = new Set();
  let addedWhenWritten = 0;
  let lastWrite = -Infinity;
  let writing = null;
  let sampled = 1;
  let rate = 0;
  let saidKind = "connecting";
  let filtered = false;
  let lastGap = null;

  const pause = h("button", { type: "button", class: "button pause", "aria-pressed": "false", on: { click: togglePause } }, "Pause");
  const badge = h("span", { class: "badge", "data-kind": "connecting" }, h("span", { class: "dot", "data-kind": "connecting", "aria-hidden": "true" }), h("span", { class: "badge-text" }, "connecting"));
  const sampling = h("span", { class: "sampling", hidden: true, title: "More orders come than can be listed: the lines of an invoice are listed together or not at all. The figures count every order." });
  const status = h("div", { class: "feed-status" }, badge, sampling);
  const fresh = h("button", { type: "button", class: "button main fresh", hidden: true, on: { click: release } });
  const note = h("p", { class: "feed-note muted small" });
  const trouble = h("div", { class: "notice stale", hidden: true });
  const troubleText = h("span");
  const troubleButton = h("button", { type: "button", class: "button", on: { click: () => stream.retryNow() } }, "Try now");
  trouble.append(troubleText, troubleButton);
  const nothing = h("p", { class: "feed-empty" }, "waiting for the first order");
  const sentinel = h("div", { class: "sentinel", "aria-hidden": "true" });
  const root = h("div", { class: "feed", "data-rows": rows }, trouble, sentinel,
    h("div", { class: "feed-list scroll-x" }, table.root, nothing), h("div", { class: "fresh-slot" }, fresh), note);

  stream.addEventListener("orders", ({ detail }) => {
    writeSampling(detail.sampled);
    if (ring.add(detail.rows)) schedule();
  });
  stream.addEventListener("gap", ({ detail }) => {
    // Before anything was listed nothing can be missing from the list.
    if (ring.length) {
      ring.addGap(detail);
      lastGap = { text: gapWords(detail), at: performance.now() };
    }
    announce(detail.missed === null ? "Some live orders are not shown." : `${exact(detail.missed)} live orders are not shown.`);
    schedule();
  });
  stream.addEventListener("stats", ({ detail }) => {
    rate = detail.rate;
    writeNote();
    onStats(detail);
  });
  stream.addEventListener("snapshot", ({ detail }) => onSnapshot(detail));
  stream.addEventListener("state", ({ detail }) => writeState(detail));

  // What a reader points at, selects or has the focus on does not move.
  table.body.addEventListener("pointerenter", (event) => event.pointerType !== "touch" && hold("pointer"));
  table.body.addEventListener("pointerleave", () => letGo("pointer"));
  table.body.addEventListener("focusin", () => hold("focus"));
  table.body.addEventListener("focusout", (event) => table.body.contains(event.relatedTarget) || letGo("focus"));
  const selecting = () => {
    const selection = getSelection();
    if (selection && !selection.isCollapsed && table.body.contains(selection.anchorNode)) hold("selection");
    else letGo("selection");
  };
  document.addEventListener("selectionchange", selecting);
  const scrolled = new IntersectionObserver(([seen]) => (!seen.isIntersecting && seen.boundingClientRect.top < 0 ? hold("scroll") : letGo("scroll")));
  scrolled.observe(sentinel);

  function hold(reason) {
    held.add(reason);
    // A write that is due would still move the rows.
    clearTimeout(writing);
    writing = null;
    writeFresh();
  }

  function letGo(reason) {
    if (held.delete(reason) && held.size === 0) schedule();
    writeFresh();
  }

  /** Back to the newest, whatever held the list. */
  function release() {
    if (held.has("pause")) togglePause();
    if (table.body.contains(document.activeElement)) pause.focus({ preventScroll: true });
    getSelection()?.removeAllRanges();
    if (held.has("scroll")) sentinel.scrollIntoView({ block: "center" });
    held.clear();
    write();
  }

  function togglePause() {
    const paused = !held.has("pause");
    pause.setAttribute("aria-pressed", String(paused));
    setText(pause, paused ? "Resume" : "Pause");
    if (paused) hold("pause");
    else {
      held.clear();
      write();
    }
    announce(paused ? "Live list paused." : "Live list resumed.", true);
    writeState(stream.state);
  }

  function schedule() {
    if (held.size) {
      writeFresh();
      return;
    }
    if (writing !== null) return;
    writing = setTimeout(write, Math.max(0, lastWrite + WRITE_EVERY_MS - performance.now()));
  }

  function write() {
    clearTimeout(writing);
    writing = null;
    lastWrite = performance.now();
    addedWhenWritten = ring.added;
    table.write(ring.newest(rows));
    table.root.hidden = ring.length === 0;
    nothing.hidden = ring.length > 0;
    writeFresh();
    writeNote();
  }

  function writeFresh() {
    const waiting = held.size ? ring.added - addedWhenWritten : 0;
    fresh.hidden = waiting === 0;
    if (waiting) setText(fresh, `${count(waiting)} new`);
  }

  function writeNote() {
    const shown = Math.min(rows, ring.length);
    const parts = [];
    if (lastGap && performance.now() - lastGap.at < GAP_NOTED_MS) parts.push(lastGap.text);
    if (shown && !filtered && rate > rows * 4) parts.push(`latest ${exact(shown)} of ${count(rate)}/s`);
    else if (ring.length > rows) parts.push(`latest ${exact(shown)} of ${exact(ring.length)} held`);
    setText(note, parts.join(" · "));
  }

  /** Says that not all orders are listed, and in how many one is. */
  function writeSampling(ratio) {
    if (ratio === sampled) return;
    if (sampled === 1 && loud) announce(`More orders come than can be listed: 1 in ${exact(ratio)} is. The figures count all.`);
    sampled = ratio;
    sampling.hidden = ratio === 1;
    setText(sampling, `1 in ${exact(ratio)} listed, figures count all`);
  }

  function writeState(state) {
    const paused = held.has("pause");
    const kind = state.kind === "waiting" ? "quiet" : state.kind;
    const dotKind = paused && kind === "live" ? "paused" : kind;
    badge.dataset.kind = dotKind;
    badge.firstChild.dataset.kind = dotKind;
    setText(badge.lastChild, words(state, paused, filtered));
    shell?.showLive(dotKind);
    const problem = troubleWords(state);
    trouble.hidden = !problem;
    if (problem) setText(troubleText, problem);
    troubleButton.hidden = !["reconnecting", "stale"].includes(state.kind);
    const old = ["stale", "reconnecting", "upstream"].includes(state.kind);
    root.classList.toggle("is-stale", old);
    onState(old);
    setText(nothing, emptyText(state) ?? nothingWords(state));
    if (state.kind !== saidKind && !["connecting", "sleeping"].includes(state.kind)) {
      saidKind = state.kind;
      announce(`Live orders: ${state.kind === "live" ? "connected" : words(state, false)}.`);
    }
  }

  write();
  return {
    root, pause, status,
    open(filter) {
      filtered = Boolean(filter.segment || filter.customer);
      writeSampling(1);
      ring.clear();
      held.delete("scroll");
      stream.open(filter);
      write();
    },
    /** Orders known from elsewhere, oldest first. */
    seed(orders) {
      if (ring.add(orders)) schedule();
    },
    keys: { pause: togglePause, next: () => table.step(1), previous: () => table.step(-1) },
    /** Releases what holds the list; answers whether anything did. */
    escape() {
      if (held.size === 0) return false;
      release();
      return true;
    },
    destroy() {
      stream.close();
      clearTimeout(writing);
      scrolled.disconnect();
      document.removeEventListener("selectionchange", selecting);
      shell?.showLive("off");
    },
  };
}

function words(state, paused, filtered = false) {
  switch (state.kind) {
    // The age is that of the topic's last order, which a filter may hide.
    case "live": return filtered ? (paused ? "paused" : "live") : `${paused ? "paused" : "live"} · last order ${state.quietMs < 2500 ? "just now" : `${span(state.quietMs)} ago`}`;
    case "waiting": return "connected, no order yet";
    case "quiet": return `connected, no orders for ${span(state.quietMs)}`;
    case "stale": return `stale · last frame ${span(state.silentMs)} ago`;
    case "reconnecting": return state.inMs === undefined ? "reconnecting" : `reconnecting in ${span(state.inMs)}`;
    case "upstream": return "stale · Kafka cannot be reached";
    case "off": return "no live feed";
    case "sleeping": return "paused while the tab was hidden";
    default: return "connecting";
  }
}

function troubleWords(state) {
  if (state.kind === "stale") return `Stale: nothing has come from the server for ${span(state.silentMs)}.`;
  if (state.kind === "reconnecting") return `Connection lost. ${state.inMs === undefined ? "Trying again." : `Next try in ${span(state.inMs)}.`}`;
  if (state.kind === "upstream") return `The server is there, but Kafka is not: ${sentence(state.problem ?? "no reason given")}`;
  return null;
}

const sentence = (text) => (/[.?!]$/.test(text) ? text : `${text}.`);

function nothingWords(state) {
  if (state.kind === "off") return "No live feed is configured. rfm-streaming writes one with streaming.tagged_topic; the dashboard reads it from its own configuration.";
  if (state.kind === "waiting") return `Waiting for the first order${state.topic ? ` of topic ${state.topic}` : ""}.`;
  if (state.kind === "quiet") return `Connected; no orders for ${plural(Math.round(state.quietMs / 60_000), "minute")}.`;
  if (state.kind === "live") return "Waiting for the next order.";
  return "Waiting for the connection.";
}
