// The recent orders of one customer: those the server holds, then each as it comes.

import { address, getJson, settle } from "../api.js";
import { rowsOf } from "../columns.js";
import { h } from "../dom.js";
import { createFeed } from "../live/feed.js";

const ROWS = 50;

export function createCustomerOrders({ id, router, shell, signal }) {
  let known = false;
  const feed = createFeed({
    rows: ROWS, shell, router, caption: `Live orders of customer ${id}, newest first`,
    emptyText: (state) => (["live", "waiting", "quiet"].includes(state.kind) ? `No live orders of this customer${known ? "" : " yet"}. They appear here the moment they come.` : null),
  });
  const root = h("section", { class: "panel panel-live", "aria-labelledby": "customer-orders-title", "data-panel": "orders" },
    h("div", { class: "panel-head" },
      h("div", { class: "panel-title" }, h("h2", { id: "customer-orders-title" }, "Live orders"), feed.status),
      h("div", { class: "panel-tools" }, feed.pause,
        h("a", { class: "button quiet", download: true, href: address(`customers/${id}/orders.csv`), "aria-label": "Live orders: CSV" }, "CSV"))),
    feed.root);

  load();
  async function load() {
    // First what the server holds, then the stream: it begins a little earlier, and what comes twice is dropped.
    const answer = await settle(getJson(`customers/${id}/orders`, { max: ROWS }, signal));
    if (answer.aborted) return;
    feed.open({ customer: id });
    if (!answer.value) return;
    known = true;
    feed.seed(rowsOf(answer.value.data.orders).reverse());
  }

  return { root, keys: feed.keys, escape: feed.escape, destroy: feed.destroy };
}
