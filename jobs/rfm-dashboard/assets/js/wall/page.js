// The wall: no controls, no scrolling, large. Segments, shares, the rate, the newest orders, and loudly how old all that is.

import { getJson, settle } from "../api.js";
import { rowsOf } from "../columns.js";
import { h, replace, setText } from "../dom.js";
import { count, day, lag, percent, rate, shares, span } from "../format.js";
import { OrderStream } from "../live/order-stream.js";
import { createOrderRing } from "../live/order-ring.js";
import { createOrderTable } from "../live/order-table.js";
import { createRateChart } from "../live/rate-chart.js";
import { byOrder, chip, colourClass } from "../segments.js";
import { watchSnapshots } from "../snapshot-watch.js";

const ROWS = 12;
const WRITE_EVERY_MS = 1000;
const RELOAD_AFTER_ERROR_MS = 15_000;
const SHIFT_EVERY_MS = 3_600_000;
const SHIFTS = [[0, 0], [6, 0], [6, 4], [0, 4]];

export function createWallPage({ router, session }) {
  const heading = h("h1", { class: "visually-hidden", tabindex: "-1" }, "Wall");
  const age = h("p", { class: "wall-age" });
  const banner = h("p", { class: "wall-banner", role: "status", hidden: true });
  const cards = h("ul", { class: "wall-cards" });
  const bars = h("div", { class: "wall-bars" });
  const figures = h("p", { class: "wall-figures" });
  const chart = createRateChart({ big: true });
  const ring = createOrderRing(ROWS);
  const table = createOrderTable({ rows: ROWS, onOpen: () => {} });
  const leave = h("a", { class: "wall-leave", href: "/" }, "Leave the wall view");
  const root = h("div", { class: "wall" }, leave, heading, banner, age, cards, bars,
    h("section", { class: "wall-rate", "aria-label": "Orders per second" }, figures, chart.root),
    h("section", { class: "wall-orders", "aria-label": "Newest orders" }, table.root));

  const skew = Date.now() - new Date(session.server_time).getTime();
  const loading = new AbortController();
  const stream = new OrderStream();
  let asOf = null;
  let date = null;
  let shownRun = null;
  const watch = watchSnapshots({ known: () => shownRun, onPublished: load });
  let failure = null;
  let state = stream.state;
  let retry = null;

  stream.addEventListener("orders", ({ detail }) => ring.add(detail.rows));
  stream.addEventListener("stats", ({ detail }) => {
    chart.add(detail);
    replace(figures, h("strong", { class: "tabular" }, rate(detail.rate)), " orders a second", h("span", {}, `${percent(detail.hit_rate)} known`), h("span", {}, `lag ${lag(detail.lag_ms)}`));
  });
  stream.addEventListener("snapshot", load);
  stream.addEventListener("state", ({ detail }) => {
    state = detail;
    tick();
  });
  const writing = setInterval(() => {
    table.write(ring.newest(ROWS));
    tick();
  }, WRITE_EVERY_MS);
  // A picture that never moves burns in.
  let shift = 0;
  const shifting = setInterval(() => {
    shift = (shift + 1) % SHIFTS.length;
    root.style.translate = SHIFTS[shift].map((pixels) => `${pixels}px`).join(" ");
  }, SHIFT_EVERY_MS);

  async function load() {
    clearTimeout(retry);
    const answer = await settle(getJson("segments", {}, loading.signal));
    if (answer.aborted) return;
    failure = answer.error ?? null;
    if (failure) retry = setTimeout(load, RELOAD_AFTER_ERROR_MS);
    else show(answer.value);
    tick();
  }

  function show(answer) {
    asOf = answer.as_of;
    date = answer.snapshot_date;
    shownRun = answer.run_id;
    const segments = rowsOf(answer.data.segments).sort((a, b) => byOrder(a.segment, b.segment));
    const customerShares = shares(segments.map((row) => row.customers));
    const revenueShares = shares(segments.map((row) => Number(row.revenue)));
    replace(cards, segments.map((row, at) => h("li", { class: `wall-card ${colourClass(row.segment)}` },
      h("h2", {}, chip(row.segment, row.name)),
      h("p", { class: "wall-number tabular" }, count(row.customers)),
      h("p", { class: "wall-small" }, `${customerShares[at]} of customers`), h("p", { class: "wall-small" }, `${revenueShares[at]} of revenue`))));
    const bar = (name, parts) => h("div", { class: "wall-bar" }, h("span", {}, name), h("div", { class: "bar-row" },
      segments.map((row, at) => (parts[at] > 0 ? h("div", { class: `bar-piece ${colourClass(row.segment)}`, style: { "flex-grow": String(parts[at]) } }, h("span", { class: "bar-fill" })) : null))));
    replace(bars, bar("Customers", segments.map((row) => row.customers)), bar("Revenue", segments.map((row) => Number(row.revenue))));
  }

  function tick() {
    const old = asOf === null ? null : Date.now() - skew - new Date(asOf).getTime();
    const problems = [];
    if (failure) problems.push(asOf ? `Segments not loaded: ${failure.message}` : failure.message);
    else if (old !== null && old > session.stale_after_seconds * 1000) problems.push(`Stale: the segments were computed ${span(old)} ago`);
    if (state.kind === "stale") problems.push(`Stale: no live data for ${span(state.silentMs)}`);
    if (state.kind === "reconnecting") problems.push("Stale: the connection is lost, trying again");
    if (state.kind === "upstream") problems.push("Stale: Kafka cannot be reached");
    banner.hidden = problems.length === 0;
    setText(banner, problems.join(" · "));
    const live = { live: state.quietMs < 2500 ? "last order just now" : `last order ${span(state.quietMs)} ago`, quiet: `no orders for ${span(state.quietMs)}`, off: "no live feed", waiting: "waiting for the first order" }[state.kind] ?? "not live";
    setText(age, asOf === null ? live : `Segments as of ${day(date)}, computed ${span(old)} ago · ${live}`);
  }

  return {
    root,
    focusTarget: () => heading,
    update() {
      if (asOf !== null || retry !== null) return;
      load();
      stream.open({ rate: 20 });
      chart.load(loading.signal);
    },
    keys: { escape: () => router.go("/") },
    destroy() {
      loading.abort();
      stream.close();
      watch.destroy();
      clearTimeout(retry);
      clearInterval(writing);
      clearInterval(shifting);
      chart.destroy();
    },
  };
}
