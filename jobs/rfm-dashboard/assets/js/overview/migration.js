// Who moved from which segment to which between two snapshots: a matrix (one neutral hue, darker is more), and the largest moves as sentences.

import { address, getJson, settle } from "../api.js";
import { h } from "../dom.js";
import { day, exact, percent, plural } from "../format.js";
import { createPanel } from "../panel.js";
import { chip, segment } from "../segments.js";

const ABSENT = "absent";
const SENTENCES = 5;

export function createMigration() {
  const panel = createPanel({ id: "migration", title: "Who moved", csv: true });

  async function load(from, to, signal) {
    if (!from) {
      panel.empty("Nothing to compare with.", "From the second snapshot on, this shows who moved between segments.");
      return;
    }
    panel.loading();
    const answer = await settle(getJson("migration", { from, to }, signal));
    if (answer.aborted) return;
    if (answer.error) panel.error(answer.error, () => load(from, to, signal));
    else show(answer.value.data);
  }

  function show({ from, to, rows, columns, row_names: rowNames, column_names: columnNames, customers }) {
    const moves = [];
    let stayed = 0;
    let present = 0;
    rows.forEach((row, r) => columns.forEach((column, c) => {
      const n = customers[r][c];
      if (row !== ABSENT && column !== ABSENT) present += n;
      if (row === column) stayed += row === ABSENT ? 0 : n;
      else if (n > 0) moves.push({ row, column, n, from: rowNames[r], to: columnNames[c], of: sum(customers[r]) });
    }));
    moves.sort((a, b) => b.n - a.n);
    panel.setCsv(address("migration.csv", { from: from.snapshot_date, to: to.snapshot_date }));
    panel.setCaption(`${day(from.snapshot_date)} to ${day(to.snapshot_date)}. ${present ? `${percent(stayed / present)} of the customers in both stayed in their segment.` : ""}`);
    panel.ready([
      h("ol", { class: "moves", "aria-label": "Largest moves" }, moves.slice(0, SENTENCES).map(sentence)),
      moves.length === 0 ? h("p", { class: "muted" }, "Nobody moved.") : null,
      h("div", { class: "scroll-x", tabindex: "0", role: "region", "aria-label": "Who moved: matrix" }, matrix(rows, columns, rowNames, columnNames, customers, from, to)),
    ], null);
  }

  return { root: panel.root, panel, loading: panel.loading, load };
}

function sentence({ row, column, n, from, to, of }) {
  const number = h("strong", { class: "tabular" }, exact(n));
  const customers = n === 1 ? " customer " : " customers ";
  if (row === ABSENT) return h("li", {}, number, n === 1 ? " new customer in " : " new customers in ", chip(column, to));
  if (column === ABSENT) return h("li", {}, number, `${customers}of `, chip(row, from), " no longer there");
  return h("li", {}, number, `${customers}from `, chip(row, from), " to ", chip(column, to), h("span", { class: "muted" }, ` ${percent(n / of)} of them`));
}

function matrix(rows, columns, rowNames, columnNames, customers, from, to) {
  const largest = Math.max(1, ...rows.flatMap((row, r) => columns.map((column, c) => (row === column ? 0 : customers[r][c]))));
  const head = h("tr", {}, h("th", { scope: "col", class: "corner" }, "from \\ to"), columns.map((column, c) => h("th", { scope: "col", class: "num" }, label(column, columnNames[c], true))));
  const body = rows.map((row, r) => h("tr", {}, h("th", { scope: "row" }, label(row, rowNames[r], false)), columns.map((column, c) => {
    const n = customers[r][c];
    const same = row === column;
    const depth = same || n === 0 ? 0 : 6 + 40 * Math.sqrt(n / largest);
    return h("td", {
      class: same ? "num same" : "num", "data-from": row, "data-to": column, style: { "--depth": `${depth.toFixed(1)}%` },
      title: row === ABSENT && same ? null : `${rowNames[r]} to ${columnNames[c]}: ${plural(n, "customer")}`,
    }, row === ABSENT && same ? "" : exact(n));
  })));
  return h("table", { class: "matrix" },
    h("caption", { class: "visually-hidden" }, `Customers by segment on ${day(from.snapshot_date)} (rows) and ${day(to.snapshot_date)} (columns)`),
    h("thead", {}, head), h("tbody", {}, body));
}

/** Columns have little room: the short name, with the long one for screen readers. */
function label(slug, name, isColumn) {
  if (slug === ABSENT) return isColumn ? "gone" : "new customer";
  if (!isColumn) return chip(slug, name);
  const short = segment(slug, name).short;
  const parts = chip(slug, name);
  parts.querySelector(".chip-name").replaceChildren(h("span", { "aria-hidden": "true" }, short), h("span", { class: "visually-hidden" }, name));
  return parts;
}

const sum = (numbers) => numbers.reduce((total, n) => total + n, 0);
