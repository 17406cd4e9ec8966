// One card a segment: how many, how much of the revenue, what changed, what its customers are like. A card is also the filter.

import { h, replace, setAttribute } from "../dom.js";
import { count, day, decimal1, exact, money, percent, shares, shortMoney, signed } from "../format.js";
import { colourClass, marker } from "../segments.js";

/** `onSegment(slug or null)`: the user chose or released a segment. */
export function createCards({ onSegment }) {
  const message = h("div", { class: "card card-message", hidden: true });
  const list = h("ul", { class: "cards", "aria-label": "Segments", "data-state": "loading" }, placeholders(), h("li", {}, message));
  let selected = null;

  function release() {
    list.querySelectorAll(".card-name").forEach((button) => setAttribute(button, "aria-pressed", String(button.dataset.segment === selected)));
    list.classList.toggle("has-choice", selected !== null);
  }

  function say(state, ...content) {
    list.dataset.state = state;
    message.hidden = content.length === 0;
    replace(message, content);
    if (content.length) list.replaceChildren(h("li", {}, message));
  }

  return {
    root: list,
    panel: {
      empty: (why, what) => say("empty", h("p", { class: "empty-title" }, why), h("p", { class: "muted" }, what)),
      error(error, retry) {
        list.dataset.state = "error";
        // Cards that are there stay.
        if (list.querySelector(".card-name")) return;
        say("error", h("p", { class: "notice error" }, h("strong", {}, "Not loaded."), h("span", {}, error.message),
          h("button", { type: "button", class: "button", on: { click: retry } }, "Try again")));
      },
    },
    loading() {
      list.dataset.state = "loading";
      if (!list.querySelector(".card-name")) list.replaceChildren(...placeholders());
    },
    select(slug) {
      selected = slug;
      release();
    },
    show(segments, earlier, vs) {
      list.dataset.state = "ready";
      const shareTexts = shares(segments.map((row) => row.customers));
      const revenueTexts = shares(segments.map((row) => Number(row.revenue)));
      const before = new Map((earlier ?? []).map((row) => [row.segment, row.customers]));
      list.replaceChildren(...segments.map((row, index) =>
        card(row, shareTexts[index], revenueTexts[index], earlier ? row.customers - (before.get(row.segment) ?? 0) : null, vs)));
      release();
    },
  };

  function card(row, share, revenueShare, change, vs) {
    const name = h("button", {
      type: "button", class: "card-name", "data-segment": row.segment, "aria-pressed": "false", title: "Show only this segment in the scatter",
      on: { click: () => onSegment(selected === row.segment ? null : row.segment) },
    }, marker(row.segment), row.name);
    return h("li", {}, h("article", { class: `card ${colourClass(row.segment)}`, "data-segment": row.segment },
      h("h2", { class: "card-title" }, name),
      h("p", { class: "card-count" },
        h("strong", { title: exact(row.customers), "data-value": "customers" }, count(row.customers)), h("span", { class: "muted" }, "customers"),
        h("span", { class: "card-share", "data-value": "share", title: percent(row.share) }, share)),
      changeLine(change, row.customers, vs),
      h("dl", { class: "card-values" },
        value("of revenue", revenueShare, money(row.revenue), "revenue_share"),
        value("days ago", decimal1(row.avg_recency_days), "Average days since the last order", "avg_recency_days"),
        value("orders", decimal1(row.avg_frequency), "Average number of orders", "avg_frequency"),
        value("spent", shortMoney(row.avg_monetary === null ? null : Math.round(Number(row.avg_monetary))), `Average spent: ${money(row.avg_monetary)}`, "avg_monetary"))));
  }
}

function changeLine(change, now, vs) {
  if (change === null) return h("p", { class: "card-change muted" }, "nothing to compare with");
  const [arrow, word] = change > 0 ? ["▲", "up"] : change < 0 ? ["▼", "down"] : ["=", "as many as"];
  const before = now - change;
  const part = before > 0 && change !== 0 ? ` (${word} ${percent(Math.abs(change) / before)})` : "";
  return h("p", { class: "card-change", "data-value": "change" },
    h("span", { class: "arrow", "aria-hidden": "true" }, arrow),
    change === 0 ? `${word} on ${day(vs)}` : h("span", { class: "tabular" }, `${signed(change)}${part} since ${day(vs)}`));
}

const value = (name, text, title, id) => h("div", { title }, h("dt", {}, name), h("dd", { "data-value": id }, text));

const placeholders = () => Array.from({ length: 4 }, () => h("li", { "aria-hidden": "true" }, h("div", { class: "card placeholder" })));
