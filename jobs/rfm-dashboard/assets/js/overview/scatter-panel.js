// The scatter panel: choice of axes and scale, segment filter, tooltip, brush, and the same customers as a table.

import { announce } from "../announce.js";
import { address, getJson, settle } from "../api.js";
import { h, replace, segmentedSwitch } from "../dom.js";
import { day, exact, money, plural } from "../format.js";
import { createPanel, dataTable } from "../panel.js";
import { customerAddress } from "../router.js";
import { chip, marker, segment } from "../segments.js";
import { createScatterPlot } from "./scatter-plot.js";

const AXES = { recency: "Recency (days)", frequency: "Frequency (orders)", monetary: "Monetary (spent)" };
const DEFAULTS = { x: "recency", y: "monetary" };
const TABLE_ROWS = 500;
const LISTED = 12;
const SAY_AFTER_MS = 350;

export function createScatterPanel({ router, onTable }) {
  const choices = { x: axisChoice("x"), y: axisChoice("y") };
  const scale = segmentedSwitch("Scale", [["log", "Log", "Log, logarithmic axes"], ["linear", "Linear", "Linear axes"]], "log",
    (value) => router.update({ scale: value === "log" ? null : value }));
  const panel = createPanel({
    id: "scatter", title: "Every customer", csv: true, onTable,
    extra: [h("label", { class: "field" }, h("span", { class: "visually-hidden" }, "Horizontal axis"), choices.x), h("span", { class: "muted", "aria-hidden": "true" }, "×"),
      h("label", { class: "field" }, h("span", { class: "visually-hidden" }, "Vertical axis"), choices.y), scale.root],
  });
  const plot = createScatterPlot({ onHover: showTip, onPick: open, onBrush: brushed, onWalk: walk });
  const tip = h("div", { class: "tip", hidden: true });
  const area = h("div", {
    class: "scatter-area", tabindex: "0", role: "group", "aria-label": "Scatter of customers. Arrow keys walk along the points, Enter opens the customer.",
    on: { keydown, blur: () => plot.leave() },
  }, plot.root, tip);
  const choice = h("div", { class: "scatter-choice", "aria-live": "polite" });
  const legend = h("ul", { class: "legend" });

  let data = null;
  let points = null;
  let view = { ...DEFAULTS, log: true, segment: null };
  let chosen = null;
  let snapshot = null;
  let saying = null;
  let tableShown = false;

  function axisChoice(which) {
    return h("select", { on: { change: (event) => chooseAxis(which, event.target.value) } }, Object.entries(AXES).map(([value, name]) => h("option", { value }, name)));
  }

  /** The other axis gives way when both would be the same. */
  function chooseAxis(which, value) {
    const other = which === "x" ? "y" : "x";
    const next = { x: view.x, y: view.y, [which]: value };
    if (next.x === next.y) next[other] = view[which];
    router.update({ x: next.x === DEFAULTS.x ? null : next.x, y: next.y === DEFAULTS.y ? null : next.y });
  }

  async function load(date, signal) {
    snapshot = date;
    panel.loading();
    const answer = await settle(getJson("scatter", { snapshot: date, x: view.x, y: view.y }, signal));
    if (answer.aborted) return;
    if (answer.error) {
      panel.error(answer.error, () => load(date, signal));
      return;
    }
    data = answer.value.data;
    data.signal = signal;
    const { points: columns, segments, names } = data;
    segments.forEach((slug, at) => segment(slug, names[at]));
    points = {
      id: columns.customer_id, segment: columns.segment.map((at) => segments[at]), recency: columns.recency, frequency: columns.frequency,
      // Positions may be rounded; what is written comes from the exact text.
      money: columns.monetary, monetary: columns.monetary.map(Number),
    };
    chosen = null;
    panel.ready([h("figure", { class: "scatter-figure" }, area, legend, choice)], null);
    render();
  }

  function render() {
    if (!data) return;
    const visible = (i) => (!view.segment || points.segment[i] === view.segment) && (!chosen || chosen.has(i));
    // The density is that of one pair of axes.
    const grid = data.grid && data.x === view.x && data.y === view.y ? data.grid : null;
    const shownCount = points.id.reduce((n, _, i) => n + (visible(i) ? 1 : 0), 0);
    const label = `${AXES[view.x]} against ${AXES[view.y]} of ${plural(shownCount, "customer")}${view.segment ? `, ${segment(view.segment).name}` : ""}. The table has the numbers.`;
    plot.draw({ label, points: { x: points[view.x], y: points[view.y], segment: points.segment }, slugs: data.segments, axes: { x: AXES[view.x], y: AXES[view.y] }, log: view.log, grid, visible });
    panel.setCsv(address("scatter.csv", { snapshot, x: view.x, y: view.y }));
    panel.setCaption(caption(shownCount));
    replace(legend, data.segments.map((slug) => h("li", {}, chip(slug))));
    showChoice();
    // Five hundred rows are made only for those who look at them.
    panel.ready(null, tableShown ? table(visible, shownCount) : []);
  }

  function caption(shownCount) {
    const all = data.sampled
      ? `${exact(data.shown)} of ${exact(data.total)} shown: a sample of each segment that keeps the extremes, over the density of all.`
      : `All ${plural(data.total, "customer")}.`;
    const filter = view.segment ? ` Of these ${exact(shownCount)} ${segment(view.segment).name}.` : "";
    return `${all}${filter} Drag to choose, click for a customer.`;
  }

  function table(visible, shownCount) {
    const rows = points.id.map((_, i) => i).filter(visible).sort((a, b) => points.monetary[b] - points.monetary[a]);
    return dataTable(`Customers on ${day(snapshot)}, highest monetary first`,
      [{ name: "Customer" }, { name: "Segment" }, { name: "Recency, days", num: true }, { name: "Frequency, orders", num: true }, { name: "Monetary", num: true }],
      rows.slice(0, TABLE_ROWS + 1).map((i) => [
        h("a", { href: customerAddress(points.id[i], router.current().values.snapshot) }, points.id[i]), chip(points.segment[i]),
        { text: exact(points.recency[i]) }, { text: exact(points.frequency[i]) }, { text: money(points.money[i]) },
      ]),
      { limit: TABLE_ROWS, more: `The first ${TABLE_ROWS} of ${exact(shownCount)}. The CSV has ${data.sampled ? "all points that are shown" : "all"}.` });
  }

  function describe(i) {
    return `Customer ${points.id[i]}, ${segment(points.segment[i]).name}: ${plural(points.recency[i], "day")} ago, ${plural(points.frequency[i], "order")}, ${money(points.money[i])} spent`;
  }

  function showTip(i, x, y) {
    tip.hidden = i < 0;
    if (i < 0) return;
    replace(tip, h("a", { class: "tip-id", href: customerAddress(points.id[i], router.current().values.snapshot), tabindex: "-1" }, points.id[i]),
      h("span", { class: "chip" }, marker(points.segment[i]), segment(points.segment[i]).name),
      h("span", { class: "tabular" }, `${plural(points.recency[i], "day")} ago · ${plural(points.frequency[i], "order")} · ${money(points.money[i])}`));
    const right = x > area.clientWidth - tip.offsetWidth - 24;
    const left = right ? Math.max(4, x - tip.offsetWidth - 14) : x + 14;
    tip.style.transform = `translate(${left}px, ${Math.max(0, y - tip.offsetHeight - 8)}px)`;
  }

  function walk(i) {
    clearTimeout(saying);
    saying = setTimeout(() => announce(describe(i), true), SAY_AFTER_MS);
  }

  function keydown(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== area) return;
    if (plot.key(event.key)) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  function open(i) {
    router.go(customerAddress(points.id[i], router.current().values.snapshot));
  }

  function brushed(found) {
    chosen = found.length ? new Set(found) : null;
    render();
  }

  function showChoice() {
    if (!chosen) {
      replace(choice);
      return;
    }
    const ids = [...chosen];
    const counts = data.segments.map((slug) => [slug, ids.filter((i) => points.segment[i] === slug).length]).filter(([, n]) => n > 0);
    replace(choice,
      h("p", { class: "choice-head" }, h("strong", {}, `${plural(ids.length, "customer")} chosen`),
        counts.map(([slug, n]) => h("span", { class: "chip" }, marker(slug), `${segment(slug).short} ${exact(n)}`)),
        h("button", { type: "button", class: "button quiet", on: { click: clear } }, "Clear")),
      h("p", { class: "small" }, ids.slice(0, LISTED).map((i) => [h("a", { href: customerAddress(points.id[i], router.current().values.snapshot) }, points.id[i]), " "]),
        ids.length > LISTED ? h("span", { class: "muted" }, `and ${exact(ids.length - LISTED)} more in the table`) : null));
  }

  function clear() {
    if (!chosen) return false;
    chosen = null;
    plot.clearBrush();
    render();
    return true;
  }

  return {
    root: panel.root, panel, load, clear,
    setTable(shown) {
      panel.setTable(shown);
      if (shown === tableShown) return;
      tableShown = shown;
      if (shown) render();
    },
    loading: panel.loading,
    /** The address's choice; redraws only if it differs. */
    show({ x = DEFAULTS.x, y = DEFAULTS.y, scale: wanted, segment: slug = null }) {
      const axes = x === y ? DEFAULTS : { x, y };
      const next = { ...axes, log: wanted !== "linear", segment: slug };
      const changed = Object.keys(next).some((name) => next[name] !== view[name]);
      const newAxes = next.x !== view.x || next.y !== view.y;
      view = next;
      choices.x.value = view.x;
      choices.y.value = view.y;
      scale.set(view.log ? "log" : "linear");
      if (!changed || !data) return;
      // Which customers are extreme depends on the axes.
      if (newAxes && data.sampled) load(snapshot, data.signal);
      else render();
    },
    destroy: () => plot.destroy(),
  };
}
