// The frame of a panel and its states: loading, ready, empty, stale, error. Old content stays in sight while new content loads,
// and after a failure; the frame then says how things stand. A panel with a table shows it instead of the chart on demand.

import { h, replace, setAttribute, setText, segmentedSwitch } from "./dom.js";

const SKELETON_AFTER_MS = 200;

/**
 * `id`: also the name in the address's `table=`. `onTable(shown)`: the user switched; without it there is no switch.
 * `csv`: whether a CSV can be had; its address comes with `setCsv`.
 */
export function createPanel({ id, title, csv = false, onTable = null, level = "h2", extra = [] }) {
  const heading = h(level, { id: `${id}-title` }, title);
  const caption = h("p", { class: "panel-caption muted small" });
  const link = csv ? h("a", { class: "button quiet", download: true, "aria-label": `${title}: CSV` }, "CSV") : null;
  const views = onTable
    ? segmentedSwitch(`${title}: show as`, [["chart", "Chart"], ["table", "Table"]], "chart", (value) => onTable(value === "table"))
    : null;
  const note = h("div", { class: "notice", hidden: true });
  const chart = h("div", { class: "panel-chart" });
  const table = h("div", { class: "panel-table", hidden: true, tabindex: "0", role: "region", "aria-label": `${title}: table` });
  const message = h("div", { class: "panel-message", hidden: true });
  const body = h("div", { class: "panel-body" }, chart, table, message);
  const root = h("section", { class: `panel panel-${id}`, "aria-labelledby": `${id}-title`, "data-panel": id, "data-state": "loading" },
    h("div", { class: "panel-head" }, h("div", { class: "panel-title" }, heading), h("div", { class: "panel-tools" }, extra, views?.root, link)),
    caption, note, body);

  let hasContent = false;
  let skeleton = null;
  let tableShown = false;

  function show() {
    chart.hidden = !hasContent || tableShown;
    table.hidden = !hasContent || !tableShown;
    message.hidden = hasContent;
  }

  function setState(state) {
    clearTimeout(skeleton);
    root.dataset.state = state;
    root.classList.remove("skeleton");
    setAttribute(body, "aria-busy", state === "loading" ? "true" : null);
  }

  function setNote(kind, ...content) {
    note.className = `notice ${kind}`;
    note.hidden = content.length === 0;
    replace(note, content);
  }

  const panel = {
    id, root, chart, table, heading,
    setCaption: (text) => setText(caption, text),
    setCsv: (url) => link && link.setAttribute("href", url),
    setTable(shown) {
      tableShown = shown;
      views?.set(shown ? "table" : "chart");
      show();
    },
    loading() {
      setState("loading");
      setNote("");
      replace(message);
      skeleton = setTimeout(() => root.classList.add("skeleton"), SKELETON_AFTER_MS);
      show();
    },
    /** `chart` and `table`: nodes, or null to leave what is there. */
    ready(newChart, newTable) {
      if (newChart) replace(chart, newChart);
      if (newTable) replace(table, newTable);
      hasContent = true;
      setState("ready");
      setNote("");
      show();
    },
    /** What a panel is when there is nothing yet: why, and what fills it. */
    empty(why, whatFillsIt) {
      hasContent = false;
      setState("empty");
      setNote("");
      replace(message, h("p", { class: "empty-title" }, why), whatFillsIt ? h("p", { class: "muted" }, whatFillsIt) : null);
      show();
    },
    /** The last good content stays, with its age in the page's head. */
    error(error, retry) {
      setState("error");
      setNote("error",
        h("strong", {}, "Not loaded."), h("span", {}, error.message),
        error.requestId ? h("span", { class: "mono" }, `request ${error.requestId}`) : null,
        retry ? h("button", { type: "button", class: "button", on: { click: retry } }, "Try again") : null);
      replace(message);
      message.hidden = true;
    },
    stale: (...content) => setNote("stale", ...content),
  };
  return panel;
}

/** A table of texts and nodes. `columns`: [{name, num?, title?}]; `rows`: arrays; the first cell of a row is its heading. */
export function dataTable(caption, columns, rows, { limit = Infinity, more = "" } = {}) {
  const head = h("tr", {}, columns.map(({ name, num, title }) => h("th", { scope: "col", class: num ? "num" : null, title }, name)));
  const cell = (value, column, index) => {
    const { text, title, node } = value !== null && typeof value === "object" && !(value instanceof Node) ? value : { node: value };
    const props = { class: column.num ? "num" : null, title };
    return index === 0 ? h("th", { ...props, scope: "row" }, text ?? node) : h("td", props, text ?? node);
  };
  const body = rows.slice(0, limit).map((row) => h("tr", {}, row.map((value, index) => cell(value, columns[index], index))));
  return [
    h("table", { class: "data" }, h("caption", { class: "visually-hidden" }, caption), h("thead", {}, head), h("tbody", {}, body)),
    rows.length > limit ? h("p", { class: "muted small table-more" }, more) : null,
  ];
}
