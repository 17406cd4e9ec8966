// One customer: who they are now, how they came here, what they order this minute. Unknown, malformed and not-yet are three answers.

import { announce } from "../announce.js";
import { getJson, settle } from "../api.js";
import { h, replace } from "../dom.js";
import { dateTime, day, exact, money, plural } from "../format.js";
import { chip, colourClass } from "../segments.js";
import { createHistory } from "./history.js";
import { createCustomerOrders } from "./orders.js";

const EXAMPLES_KEY = "rfm.looked-up";
const KEPT = 6;

export function createCustomerPage({ router, session, shell }) {
  const content = h("div", { class: "customer-content" });
  const root = h("div", { class: "customer-page" }, content);
  let heading = h("h1", { tabindex: "-1" }, "Customer");
  let loading = new AbortController();
  let orders = null;
  let shown = null;

  function stopOrders() {
    orders?.destroy();
    orders = null;
  }

  async function update(route, kind) {
    const id = route.customer;
    const key = `${id} ${route.values.snapshot ?? ""}`;
    if (key === shown && kind === "update") return;
    shown = key;
    loading.abort();
    loading = new AbortController();
    stopOrders();
    if (id === "") {
      ask();
      return;
    }
    heading = h("h1", { tabindex: "-1" }, `Customer ${id.slice(0, 40)}`);
    replace(content, h("div", { class: "page-head" }, heading), h("div", { class: "panel placeholder customer-placeholder", "aria-busy": "true" }));
    const answer = await settle(getJson(`customers/${encodeURIComponent(id)}`, { snapshot: route.values.snapshot }, loading.signal));
    if (answer.aborted) return;
    if (answer.error) showError(answer.error, id, route);
    else showCustomer(answer.value, route);
    // Whoever has begun to type the next number meanwhile goes on.
    if (kind !== "start" && !document.activeElement?.matches("input, select, textarea")) heading.focus({ preventScroll: true });
  }

  function ask() {
    heading = h("h1", { tabindex: "-1" }, "Look up a customer");
    const input = h("input", { type: "search", name: "id", inputmode: "numeric", autocomplete: "off", spellcheck: "false", maxlength: "64", placeholder: "12347", "aria-label": "Customer number" });
    const submit = (event) => {
      event.preventDefault();
      if (input.value.trim()) router.go(`/customers/${encodeURIComponent(input.value.trim())}`);
    };
    const last = lookedUp();
    replace(content, h("section", { class: "ask" }, heading,
      h("p", { class: "muted" }, "Segment, values, rank, history and the orders of this minute, by customer number."),
      h("form", { class: "ask-form", role: "search", "aria-label": "Look up a customer", on: { submit } }, input, h("button", { type: "submit", class: "button main" }, "Look up")),
      last.length ? h("p", { class: "small muted" }, "Last: ", last.map((id) => [h("a", { href: `/customers/${encodeURIComponent(id)}` }, id), " "])) : null));
    input.focus();
  }

  function showError(error, id, route) {
    const kinds = {
      customer_unknown: ["Unknown customer", "Nobody with this number has a kept order in the snapshot. New customers appear with the next one."],
      customer_id_malformed: ["Not a customer number", ""],
      no_snapshot: ["No data yet", "The batch job has not published a snapshot."],
      snapshot_loading: ["No data yet", "The snapshot is being loaded; this takes a moment."],
    };
    const [title, hint] = kinds[error.code] ?? ["The customer could not be loaded", ""];
    heading = h("h1", { tabindex: "-1" }, title);
    const retryable = !["customer_unknown", "customer_id_malformed"].includes(error.code);
    const retry = h("button", { type: "button", class: "button", on: { click: () => update(route, "retry") } }, "Try again");
    replace(content, h("section", { class: "answer", "data-code": error.code || "failed" }, heading,
      h("p", { class: "answer-detail" }, error.message), hint ? h("p", { class: "muted" }, hint) : null,
      error.requestId && retryable ? h("p", { class: "small muted" }, "Request ", h("span", { class: "mono" }, error.requestId)) : null,
      h("p", { class: "answer-ways" }, retryable ? retry : null, h("a", { class: "button", href: "/customers/" }, "Look up another"))));
    announce(`${title}. ${error.message}`, true);
    // Their orders come through Kafka, snapshot or not.
    if (/^\d{1,19}$/.test(id) && error.code !== "customer_id_malformed") appendOrders(id);
  }

  function showCustomer({ data, snapshot_date: date }, route) {
    remember(data.customer_id);
    heading = h("h1", { tabindex: "-1" }, "Customer ", h("span", { class: "tabular" }, data.customer_id));
    const { rank } = data;
    const past = route.values.snapshot
      ? h("p", { class: "notice" }, `As of ${day(date)}, not the newest snapshot.`, h("a", { href: `/customers/${encodeURIComponent(data.customer_id)}` }, "Show the newest"))
      : null;
    const summary = h("section", { class: `panel customer-summary ${colourClass(data.segment)}`, "aria-labelledby": "summary-title", "data-customer": data.customer_id },
      h("div", { class: "summary-head" },
        h("h2", { id: "summary-title", class: "summary-segment" }, chip(data.segment, data.segment_name)),
        h("p", { class: "muted" }, [data.rfm_group, data.country].filter(Boolean).join(" · ")),
        rank ? h("p", { class: "rank", "data-value": "rank" }, "Rank ", h("strong", {}, exact(rank.position)), ` of ${exact(rank.of)} in the segment, by ${rank.by}`) : null),
      h("dl", { class: "values" },
        value("Recency", plural(data.recency_days, "day"), data.r_score, `last order ${dateTime(data.last_order)}`, "recency_days"),
        value("Frequency", plural(Number(data.frequency), "order"), data.f_score, "invoices", "frequency"),
        value("Monetary", money(data.monetary), data.m_score, session.currency ? `${session.currency}, all orders` : "all orders", "monetary")));
    const history = createHistory({ id: data.customer_id, data, snapshot: route.values.snapshot });
    replace(content, h("div", { class: "page-head" }, heading, h("p", { class: "muted" }, `as of ${day(date)}`)), past, summary, history.root);
    announce(`Customer ${data.customer_id}: ${data.segment_name}.`, true);
    appendOrders(data.customer_id);
  }

  function appendOrders(id) {
    orders = createCustomerOrders({ id, router, shell, signal: loading.signal });
    content.append(orders.root);
  }

  return {
    root, update,
    focusTarget: () => content.querySelector(".ask-form input") ?? heading,
    keys: {
      pause: () => orders?.keys.pause(),
      next: () => orders?.keys.next() ?? false,
      previous: () => orders?.keys.previous() ?? false,
      escape: () => orders?.escape() ?? false,
      table: () => root.querySelector(".panel-history .segmented button[aria-pressed='false']")?.click(),
    },
    destroy() {
      loading.abort();
      stopOrders();
    },
  };
}

/** A value with its score: five steps, of which the first `score` are filled, and the number beside them. */
function value(name, text, score, note, id) {
  const steps = [1, 2, 3, 4, 5].map((step) => h("span", { class: step <= score ? "step on" : "step" }));
  return h("div", { class: "value" }, h("dt", {}, name), h("dd", {}, h("span", { class: "value-text tabular", "data-value": id }, text),
    h("span", { class: "score" }, h("span", { class: "steps", "aria-hidden": "true" }, steps), h("span", { "data-value": `${id}_score` }, `${score ?? "–"} of 5`)),
    h("span", { class: "muted small" }, note)));
}

/** The customers looked up last in this tab; numbers only, and gone with the tab. */
function lookedUp() {
  try {
    const list = JSON.parse(sessionStorage.getItem(EXAMPLES_KEY) ?? "[]");
    return Array.isArray(list) ? list.filter((id) => /^\d{1,19}$/.test(id)).slice(0, KEPT) : [];
  } catch {
    return [];
  }
}

function remember(id) {
  try {
    sessionStorage.setItem(EXAMPLES_KEY, JSON.stringify([id, ...lookedUp().filter((other) => other !== id)].slice(0, KEPT)));
  } catch {
    // Without storage nothing is remembered.
  }
}
