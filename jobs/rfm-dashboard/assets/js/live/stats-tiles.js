// The figures of the feed: rate, hit rate, lag, backlog, and the segments of the last minute. All of them are the server's exact counts.

import { h, setText } from "../dom.js";
import { DASH, count, exact, lag, percent, rate, shares } from "../format.js";
import { byOrder, chip, colourClass, knownSlugs, segment } from "../segments.js";

const MINUTE = 60;

export function createStatsTiles() {
  const tiles = {
    rate: tile("Orders per second", "Of the last second, before filters and sampling"),
    hit: tile("Known customers", "Orders of the last 10 s whose customer has a segment"),
    lag: tile("Lag", "Median time of the last second's orders from the streaming job to this server"),
    behind: tile("Not read yet", "Orders in the topic that this server has still to read"),
    total: tile("Since the start", "Orders since this server was started"),
  };
  const pieces = new Map();
  const bar = h("div", { class: "bar-row minute-bar", "aria-hidden": "true" });
  const legend = h("ul", { class: "legend minute-legend" });
  const minute = h("div", { class: "minute" }, h("h2", {}, "Segments of the last minute"), bar, legend);
  const root = h("div", { class: "tiles" }, Object.values(tiles).map(({ root: element }) => element), minute);
  const window = [];

  function writeMinute(frame) {
    window.push(frame.by_segment);
    if (window.length > MINUTE) window.shift();
    const sums = new Map();
    for (const { segment: slugs, orders } of window) slugs.forEach((slug, at) => sums.set(slug, (sums.get(slug) ?? 0) + orders[at]));
    const slugs = [...sums.keys()].sort(byOrder);
    const texts = shares(slugs.map((slug) => sums.get(slug)));
    if (slugs.some((slug) => !pieces.has(slug))) rebuild(slugs);
    slugs.forEach((slug, at) => {
      const { piece, text } = pieces.get(slug);
      piece.style.flexGrow = String(sums.get(slug));
      piece.hidden = sums.get(slug) === 0;
      setText(text, texts[at]);
    });
  }

  function rebuild(slugs) {
    pieces.clear();
    for (const slug of slugs) {
      const text = h("span", { class: "tabular muted minute-share" }, DASH);
      pieces.set(slug, { text, piece: h("div", { class: `bar-piece ${colourClass(slug)}`, title: segment(slug).name }, h("span", { class: "bar-fill" })) });
    }
    bar.replaceChildren(...slugs.map((slug) => pieces.get(slug).piece));
    legend.replaceChildren(...slugs.map((slug) => h("li", { "data-segment": slug }, chip(slug), pieces.get(slug).text)));
  }

  rebuild(knownSlugs().sort(byOrder));
  return {
    root,
    show(frame) {
      tiles.rate.set(rate(frame.rate), exact(frame.rate));
      tiles.hit.set(frame.hit_rate === null ? DASH : percent(frame.hit_rate));
      tiles.lag.set(lag(frame.lag_ms));
      tiles.behind.set(count(frame.behind), exact(frame.behind));
      tiles.total.set(count(frame.total), exact(frame.total));
      writeMinute(frame);
    },
    /** The figures are of the past: the connection is gone. */
    fade: (old) => root.classList.toggle("is-stale", old),
  };
}

function tile(name, title) {
  const value = h("dd", { class: "tabular" }, DASH);
  const root = h("dl", { class: "tile", title }, h("dt", {}, name), value);
  return {
    root,
    set(text, exactText) {
      setText(value, text);
      if (exactText && exactText !== text) value.title = exactText;
      else value.removeAttribute("title");
    },
  };
}
