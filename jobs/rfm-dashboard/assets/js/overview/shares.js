// Share of customers above share of revenue, as two bars of equal width with bands between them: who brings the money.

import { address } from "../api.js";
import { h, svg } from "../dom.js";
import { count, day, exact, money, percent, shares } from "../format.js";
import { createPanel, dataTable } from "../panel.js";
import { chip, colourClass } from "../segments.js";

const LABEL_FROM = 0.09;

export function createShares({ onTable }) {
  const panel = createPanel({ id: "share", title: "Customers and revenue", csv: true, onTable });
  return {
    root: panel.root,
    panel,
    loading: panel.loading,
    show(segments, date) {
      const customers = segments.map((row) => row.customers);
      const revenue = segments.map((row) => Number(row.revenue));
      const customerTexts = shares(customers);
      const revenueTexts = shares(revenue);
      panel.setCsv(address("segments.csv", { snapshot: date }));
      panel.setCaption(sentence(segments, customerTexts, revenueTexts));
      const chart = h("figure", { class: "share-chart", "aria-hidden": "true" },
        bar("Customers", segments, fractions(customers), customerTexts, (row) => `${row.name}: ${exact(row.customers)} customers`),
        bands(segments, fractions(customers), fractions(revenue)),
        bar("Revenue", segments, fractions(revenue), revenueTexts, (row) => `${row.name}: ${money(row.revenue)}`));
      const legend = dataTable(`Shares of customers and of revenue on ${day(date)}`,
        [{ name: "Segment" }, { name: "Customers", num: true }, { name: "Revenue", num: true }],
        segments.map((row, index) => [chip(row.segment, row.name), customerTexts[index], revenueTexts[index]]));
      panel.ready([chart, h("div", { class: "share-legend" }, legend)], dataTable(`Segments on ${day(date)}`,
        [{ name: "Segment" }, { name: "Customers", num: true }, { name: "Share", num: true }, { name: "Revenue", num: true }, { name: "Share of revenue", num: true }],
        segments.map((row, index) => [
          chip(row.segment, row.name), { text: exact(row.customers) }, { text: customerTexts[index], title: percent(row.share) },
          { text: money(row.revenue) }, { text: revenueTexts[index], title: percent(row.revenue_share) },
        ])));
    },
  };
}

function fractions(parts) {
  const total = parts.reduce((sum, part) => sum + part, 0);
  return parts.map((part) => (total > 0 ? part / total : 0));
}

function bar(name, segments, parts, texts, title) {
  const pieces = segments.map((row, index) =>
    parts[index] > 0
      ? h("div", { class: `bar-piece ${colourClass(row.segment)}`, title: title(row), style: { "flex-grow": String(parts[index]) } },
        h("span", { class: "bar-fill" }), h("span", { class: "bar-label tabular" }, parts[index] >= LABEL_FROM ? texts[index] : " "))
      : null);
  return h("div", { class: `share-bar share-${name.toLowerCase()}` }, h("span", { class: "share-name" }, name), h("div", { class: "bar-row" }, pieces));
}

function bands(segments, upper, lower) {
  const box = svg("svg", { class: "share-bands", viewBox: "0 0 100 10", preserveAspectRatio: "none" });
  let [top, bottom] = [0, 0];
  segments.forEach((row, index) => {
    const [topEnd, bottomEnd] = [top + upper[index] * 100, bottom + lower[index] * 100];
    box.append(svg("polygon", { class: colourClass(row.segment), points: `${top},0 ${topEnd},0 ${bottomEnd},10 ${bottom},10` }));
    [top, bottom] = [topEnd, bottomEnd];
  });
  return box;
}

/** The two most telling facts: who brings more than their share, and who is many but brings little. */
function sentence(segments, customerTexts, revenueTexts) {
  if (segments.length === 0) return "";
  const gap = (row) => row.revenue_share - row.share;
  const order = segments.map((row, index) => ({ row, index })).sort((a, b) => gap(b.row) - gap(a.row));
  const say = ({ row, index }) => `${row.name} holds ${customerTexts[index]} of customers and ${revenueTexts[index]} of revenue`;
  const [first, last] = [order[0], order[order.length - 1]];
  return first === last ? `${say(first)}.` : `${say(first)}; ${say(last)}.`;
}
