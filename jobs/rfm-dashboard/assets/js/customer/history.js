// A customer over the snapshots: three small lines with the segment's marker at each point, or the same as a table.

import { address } from "../api.js";
import { rowsOf } from "../columns.js";
import { h, svg } from "../dom.js";
import { day, exact, money, plural } from "../format.js";
import { createPanel, dataTable } from "../panel.js";
import { chip, marker, segment } from "../segments.js";

const MEASURES = [
  { field: "recency_days", name: "Recency", write: (value) => plural(value, "day") },
  { field: "frequency", name: "Frequency", write: (value) => plural(Number(value), "order") },
  { field: "monetary", name: "Monetary", write: money },
];

export function createHistory({ id, data, snapshot }) {
  const panel = createPanel({ id: "history", title: "History", csv: true, onTable: (shown) => panel.setTable(shown) });
  // Oldest first: time runs to the right.
  const rows = rowsOf(data.history).reverse();
  const present = rows.filter((row) => row.segment !== null);
  panel.setCsv(address(`customers/${id}.csv`, { snapshot }));
  panel.setCaption(sentence(rows, present, data.history_truncated));
  const table = dataTable(`Customer ${id} by snapshot`,
    [{ name: "Snapshot" }, { name: "Segment" }, { name: "Recency, days", num: true }, { name: "R", num: true }, { name: "Frequency, orders", num: true }, { name: "F", num: true }, { name: "Monetary", num: true }, { name: "M", num: true }],
    [...rows].reverse().map((row) => (row.segment === null
      ? [day(row.snapshot_date), h("span", { class: "muted" }, "not a customer"), "–", "–", "–", "–", "–", "–"]
      : [day(row.snapshot_date), chip(row.segment, row.segment_name), exact(row.recency_days), exact(row.r_score), exact(Number(row.frequency)), exact(row.f_score), money(row.monetary), exact(row.m_score)])));
  if (rows.length === 0) panel.empty("No history.", "It grows with each snapshot.");
  else panel.ready(h("div", { class: "history-lines" }, MEASURES.map((measure) => line(measure, rows)), days(rows)), table);
  return { root: panel.root };
}

function line({ field, name, write }, rows) {
  const values = rows.map((row) => (row[field] === null ? null : Number(row[field])));
  const most = Math.max(...values.filter((value) => value !== null), 0) || 1;
  const x = (at) => (rows.length === 1 ? 50 : (at / (rows.length - 1)) * 100);
  const y = (value) => 100 - (value / most) * 100;
  const path = values.map((value, at) => (value === null ? "" : `${at === 0 || values[at - 1] === null ? "M" : "L"}${x(at).toFixed(2)} ${y(value).toFixed(2)}`)).join("");
  const last = values.findLastIndex((value) => value !== null);
  const first = values.findIndex((value) => value !== null);
  const was = first < last && values[first] !== values[last] ? `from ${write(rows[first][field])}` : null;
  return h("div", { class: "history-line" },
    h("div", { class: "history-name" }, h("h3", {}, name), h("span", { class: "tabular" }, last < 0 ? "–" : write(rows[last][field])),
      was ? h("span", { class: "muted small tabular" }, was) : null),
    h("div", { class: "history-plot", "aria-hidden": "true" },
      svg("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none" }, svg("path", { d: area(values, x, y), class: "history-area" }), svg("path", { d: path, class: "history-path" })),
      values.map((value, at) => (value === null ? null : h("span", {
        class: "history-point", title: `${day(rows[at].snapshot_date)}: ${write(rows[at][field])}, ${rows[at].segment_name}`, style: { left: `${x(at)}%`, top: `${y(value)}%` },
      }, marker(rows[at].segment))))));
}

/** What is between the line and nought, for each stretch of snapshots that know the customer. */
function area(values, x, y) {
  let path = "";
  values.forEach((value, at) => {
    if (value === null) return;
    if (at === 0 || values[at - 1] === null) path += `M${x(at).toFixed(2)} 100`;
    path += `L${x(at).toFixed(2)} ${y(value).toFixed(2)}`;
    if (at === values.length - 1 || values[at + 1] === null) path += `L${x(at).toFixed(2)} 100Z`;
  });
  return path;
}

function days(rows) {
  if (rows.length === 1) return h("div", { class: "history-days muted small" }, h("span", {}), h("div", {}, h("span", {}, day(rows[0].snapshot_date))));
  return h("div", { class: "history-days muted small", "aria-hidden": "true" }, h("span", {}),
    h("div", {}, h("span", {}, day(rows[0].snapshot_date)), h("span", {}, day(rows[rows.length - 1].snapshot_date))));
}

function sentence(rows, present, truncated) {
  if (present.length === 0) return "";
  const changes = present.filter((row, at) => at > 0 && row.segment !== present[at - 1].segment);
  const since = changes.length ? changes[changes.length - 1] : present[0];
  const now = present[present.length - 1];
  const span = `${plural(rows.length, "snapshot")}${truncated ? " (the newest ones)" : ""}`;
  const moved = changes.length ? `${plural(changes.length, "change")} of segment` : "always in the same segment";
  return `${segment(now.segment, now.segment_name).name} since ${day(since.snapshot_date)}${since === present[0] ? " or earlier" : ""}; ${moved} in ${span}.`;
}
