// The live orders on the overview: a few rows and three figures. It follows at most 20 orders a second; the figures are exact.

import { h, setText } from "../dom.js";
import { lag, percent, rate } from "../format.js";
import { createFeed } from "./feed.js";

const ROWS = 8;

export function createLiveStrip({ shell, router, onSnapshot }) {
  const figures = { rate: figure("per second"), hit: figure("known customers"), lag: figure("lag") };
  const feed = createFeed({
    rows: ROWS, shell, router, onSnapshot,
    onStats(frame) {
      setText(figures.rate.value, rate(frame.rate));
      setText(figures.hit.value, percent(frame.hit_rate));
      setText(figures.lag.value, lag(frame.lag_ms));
    },
  });
  const root = h("section", { class: "panel panel-live panel-strip", "aria-labelledby": "strip-title", "data-panel": "live" },
    h("div", { class: "panel-head" },
      h("div", { class: "panel-title" }, h("h2", { id: "strip-title" }, "Live orders"), feed.status),
      h("ul", { class: "figures" }, Object.values(figures).map(({ root: item }) => item)),
      h("div", { class: "panel-tools" }, feed.pause, h("a", { class: "button quiet", href: "/live" }, "All live orders"))),
    feed.root);
  feed.open({ rate: 20 });
  return { root, keys: feed.keys, escape: feed.escape, destroy: feed.destroy };
}

function figure(name) {
  const value = h("strong", { class: "tabular" }, "–");
  return { value, root: h("li", {}, value, " ", h("span", { class: "muted" }, name)) };
}
