// Average recency, frequency and monetary of each segment: a table whose cells carry bars, so the chart is the table.

import { address } from "../api.js";
import { h } from "../dom.js";
import { day, decimal1, money } from "../format.js";
import { createPanel } from "../panel.js";
import { chip, colourClass } from "../segments.js";

const MEASURES = [
  { field: "avg_recency_days", name: "Recency", unit: "days since the last order", write: decimal1 },
  { field: "avg_frequency", name: "Frequency", unit: "orders", write: decimal1 },
  { field: "avg_monetary", name: "Monetary", unit: "spent in all", write: money },
];

export function createAverages() {
  const panel = createPanel({ id: "averages", title: "Averages per segment", csv: true });
  return {
    root: panel.root,
    panel,
    loading: panel.loading,
    show(segments, date) {
      panel.setCsv(address("segments.csv", { snapshot: date }));
      panel.setCaption(sentence(segments));
      const largest = MEASURES.map(({ field }) => Math.max(0, ...segments.map((row) => Number(row[field] ?? 0))));
      const head = h("tr", {}, h("th", { scope: "col" }, "Segment"), MEASURES.map(({ name, unit }) => h("th", { scope: "col", class: "bar-head" }, name, h("span", { class: "unit" }, unit))));
      const body = segments.map((row) =>
        h("tr", { class: colourClass(row.segment) }, h("th", { scope: "row" }, chip(row.segment, row.name)),
          MEASURES.map(({ field, write }, index) => barCell(row[field], write, largest[index], field))));
      panel.ready(h("div", { class: "scroll-x", tabindex: "0", role: "region", "aria-label": "Averages per segment: table" },
        h("table", { class: "averages" }, h("caption", { class: "visually-hidden" }, `Averages per segment on ${day(date)}`), h("thead", {}, head), h("tbody", {}, body))), null);
    },
  };
}

function barCell(value, write, largest, field) {
  const part = largest > 0 && value !== null ? Math.max(0, Number(value)) / largest : 0;
  return h("td", { class: "bar-cell", "data-value": field },
    h("span", { class: "tabular" }, write(value)),
    h("span", { class: "bar-track", "aria-hidden": "true" }, h("span", { class: "bar-fill", style: { width: `${(part * 100).toFixed(2)}%` } })));
}

function sentence(segments) {
  const known = segments.filter((row) => row.avg_monetary !== null);
  if (known.length < 2) return "";
  const byValue = [...known].sort((a, b) => Number(b.avg_monetary) - Number(a.avg_monetary));
  const [best, last] = [byValue[0], byValue[byValue.length - 1]];
  const times = Number(last.avg_monetary) > 0 ? Number(best.avg_monetary) / Number(last.avg_monetary) : 0;
  return times > 1 ? `A customer of ${best.name} has spent ${decimal1(times)} times as much as one of ${last.name}.` : "";
}
