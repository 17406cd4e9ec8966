// The list of orders: a fixed set of rows whose texts are rewritten; no row is made or removed while orders come.

import { h, setAttribute, setText } from "../dom.js";
import { dateTime, exact, money, timeOfDay } from "../format.js";
import { customerAddress } from "../router.js";
import { colourClass, marker, segment } from "../segments.js";

/** A gap in words. */
export function gapWords({ missed, reason }) {
  const many = missed === null || missed === undefined ? "Some orders are" : missed === 1 ? "1 order is" : `${exact(missed)} orders are`;
  return `${many} not shown here: ${GAPS[reason] ?? reason}`;
}

const GAPS = { restart: "the server was restarted", too_old: "the connection was away for too long", slow: "this browser could not keep up" };

/** `rows`: how many are shown at most. `onOpen(customerId)`: Enter or click on a row. */
export function createOrderTable({ rows, onOpen, caption = "Live orders, newest first" }) {
  const pool = Array.from({ length: rows }, makeRow);
  const body = h("tbody", { on: { click: clicked, keydown } }, pool.map((row) => row.root));
  const table = h("table", { class: "orders", "aria-live": "off" },
    h("caption", { class: "visually-hidden" }, caption),
    h("thead", {}, h("tr", {}, ["Time", "Customer", "Segment", "Article", "Quantity", "Price", "Amount", "Country", "Invoice"]
      .map((name, at) => h("th", { scope: "col", class: `${[4, 5, 6].includes(at) ? "num " : ""}c-${name.toLowerCase()}` }, name)))),
    body);

  function clicked(event) {
    if (event.target.closest("a") || String(getSelection())) return;
    const row = pool.find(({ root }) => root === event.target.closest("tr"));
    if (row?.customer) onOpen(row.customer);
  }

  function keydown(event) {
    if (event.key !== "Enter" || event.target.tagName !== "TR") return;
    const row = pool.find(({ root }) => root === event.target);
    if (row?.customer) onOpen(row.customer);
  }

  return {
    root: table, body,
    /** Writes entries (newest first) into the rows. */
    write(entries) {
      pool.forEach((row, at) => writeRow(row, entries[at]));
    },
    /** Moves the focus by `step` rows; answers whether there was one to go to. */
    step(step) {
      const shown = pool.filter(({ root }) => !root.hidden);
      if (shown.length === 0) return false;
      const at = shown.findIndex(({ root }) => root.contains(document.activeElement));
      const next = shown[Math.min(shown.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
      next.root.focus();
      return true;
    },
  };
}

function makeRow() {
  const cell = (name, numeric) => h("td", { class: `${numeric ? "num " : ""}c-${name}` });
  const cells = {
    time: cell("time"), customer: cell("customer"), segment: cell("segment"), article: cell("article"), quantity: cell("quantity", true),
    price: cell("price", true), amount: cell("amount", true), country: cell("country"), invoice: cell("invoice"),
  };
  const link = h("a", { class: "tabular" });
  const nobody = h("span", { class: "muted", title: "The order names no customer" }, "none");
  cells.customer.append(link, nobody);
  const chipName = h("span", {});
  cells.segment.append(h("span", { class: "chip" }, h("span", { class: "marker-slot" }), chipName));
  // Text of strangers: isolated, so that it cannot turn the row around.
  const text = h("bdi", { class: "article-text" });
  cells.article.append(text);
  const gapText = h("td", { class: "gap-text", colspan: "9", hidden: true });
  const root = h("tr", { tabindex: "-1", hidden: true }, Object.values(cells), gapText);
  return { root, cells, link, nobody, chipName, text, gapText, slot: cells.segment.querySelector(".marker-slot"), entry: null, slug: null, customer: null };
}

function writeRow(row, entry) {
  if (row.entry === entry) return;
  row.entry = entry;
  const { root, cells, link, nobody, chipName, text, gapText, slot } = row;
  root.hidden = !entry;
  row.customer = entry?.customer_id ?? null;
  if (!entry) return;
  const isGap = Boolean(entry.gap);
  if (gapText.hidden === isGap) {
    gapText.hidden = !isGap;
    for (const cell of Object.values(cells)) cell.hidden = isGap;
  }
  root.className = isGap ? "gap" : entry.is_return ? "return" : "";
  if (isGap) {
    setText(gapText, gapWords(entry.gap));
    return;
  }
  setText(cells.time, timeOfDay(entry.event_time));
  setAttribute(cells.time, "title", dateTime(entry.event_time));
  link.hidden = entry.customer_id === null;
  nobody.hidden = entry.customer_id !== null;
  if (entry.customer_id !== null) {
    setText(link, entry.customer_id);
    setAttribute(link, "href", customerAddress(entry.customer_id));
  }
  if (row.slug !== entry.segment) {
    row.slug = entry.segment;
    slot.replaceChildren(marker(entry.segment));
    setText(chipName, segment(entry.segment).name);
    cells.segment.className = `c-segment ${colourClass(entry.segment)}`;
  }
  const article = entry.description ?? entry.stock_code;
  // 10 KB of description are legal; what is shown and hovered is not that long.
  setText(text, article.length > 160 ? `${article.slice(0, 160)}…` : article);
  setAttribute(cells.article, "title", `${entry.stock_code}${entry.description ? ` · ${entry.description.slice(0, 400)}` : ""}`);
  setText(cells.quantity, exact(entry.quantity));
  setText(cells.price, money(entry.unit_price));
  setText(cells.amount, money(entry.amount));
  setText(cells.country, entry.country ?? "–");
  setText(cells.invoice, entry.is_return ? `${entry.invoice_no} return` : entry.invoice_no);
}
