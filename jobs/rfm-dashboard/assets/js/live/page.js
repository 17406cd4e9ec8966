// The live page: the feed with its filters and figures, and the rate of the last quarter of an hour.

import { announce } from "../announce.js";
import { h } from "../dom.js";
import { createPanel } from "../panel.js";
import { segment } from "../segments.js";
import { createFeed } from "./feed.js";
import { createFilters } from "./filters.js";
import { createRateChart } from "./rate-chart.js";
import { createStatsTiles } from "./stats-tiles.js";

const ROWS = 50;

export function createLivePage({ router, shell }) {
  const heading = h("h1", { tabindex: "-1" }, "Live orders");
  const tiles = createStatsTiles();
  const chart = createRateChart();
  const filters = createFilters({ onChange: (changes) => router.update(changes, { push: true }) });
  const clear = h("button", { type: "button", class: "button quiet", hidden: true, on: { click: clearFilters } }, "Clear filters");
  const feed = createFeed({
    rows: ROWS, shell, router, loud: true,
    onStats(frame) {
      tiles.show(frame);
      chart.add(frame);
      if (tableShown) panel.ready(null, chart.table());
    },
    onState: tiles.fade,
    onSnapshot: ({ snapshot_date: date }) => announce(`A new snapshot of ${date} is published.`),
    emptyText: (state) => (isFiltered() && ["live", "waiting", "quiet"].includes(state.kind) ? `No orders ${filterWords()} so far.` : null),
  });
  let tableShown = false;
  const panel = createPanel({ id: "rate", title: "Orders per second, last 15 minutes", onTable: showTable });
  panel.ready(chart.root, null);
  const list = h("section", { class: "panel panel-live", "aria-labelledby": "live-title", "data-panel": "live" },
    h("div", { class: "panel-head" },
      h("div", { class: "panel-title" }, h("h2", { id: "live-title" }, "Orders as they come"), feed.status),
      h("div", { class: "panel-tools" }, feed.pause, filters.root, clear)),
    feed.root);
  const root = h("div", { class: "live-page" }, h("div", { class: "page-head" }, heading), tiles.root, list, panel.root);
  const loading = new AbortController();
  let filter = null;

  function showTable(shown) {
    tableShown = shown;
    panel.setTable(shown);
    if (shown) panel.ready(null, chart.table());
    else chart.build();
  }

  const isFiltered = () => Boolean(filter?.segment || filter?.customer);
  const filterWords = () => [filter.segment ? `of ${segment(filter.segment).name}` : "", filter.customer ? `of customer ${filter.customer}` : ""].filter(Boolean).join(" ");

  function clearFilters() {
    router.update({ segment: null, customer: null }, { push: true });
  }

  return {
    root,
    focusTarget: () => heading,
    update(route) {
      const { customer } = route.values;
      const next = { segment: customer ? undefined : route.values.segment, customer };
      filters.show(next);
      if (filter && filter.segment === next.segment && filter.customer === next.customer) return;
      if (!filter) chart.load(loading.signal);
      filter = next;
      clear.hidden = !isFiltered();
      feed.open({ ...next });
    },
    keys: {
      ...feed.keys,
      table: () => showTable(!tableShown),
      escape: () => feed.escape() || (isFiltered() ? clearFilters() : false),
    },
    destroy() {
      loading.abort();
      feed.destroy();
      chart.destroy();
    },
  };
}
