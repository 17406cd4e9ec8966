// Orders a second over the last 15 minutes: what the server remembers, then each second as it comes.

import { getJson, settle } from "../api.js";
import { colourOf, h } from "../dom.js";
import { count, decimal1, exact, timeOfDay } from "../format.js";
import { dataTable } from "../panel.js";
import { themeEvents } from "../theme.js";

const SECONDS = 15 * 60;

/** `big`: axis text for a wall. */
export function createRateChart({ big = false } = {}) {
  const root = h("div", { class: "rate-chart" });
  let times = [];
  let orders = [];
  let plot = null;
  const observer = new ResizeObserver(() => plot && (root.clientWidth !== plot.width || Math.abs(root.clientHeight - plot.height) > 1) && build());
  observer.observe(root);
  themeEvents.addEventListener("themechange", build);

  async function load(signal) {
    const answer = await settle(getJson("live", {}, signal));
    if (!answer.value) return;
    const { time, orders: counts } = answer.value.data.seconds;
    const known = time.map((text) => Math.floor(new Date(text).getTime() / 1000));
    const lastKnown = known[known.length - 1] ?? -Infinity;
    // Seconds that came while the answer was on its way stand behind it.
    const later = times.map((_, at) => at).filter((at) => times[at] > lastKnown);
    times = [...known, ...later.map((at) => times[at])];
    orders = [...counts, ...later.map((at) => orders[at])];
    build();
  }

  function add(frame) {
    const second = Math.floor(new Date(frame.time).getTime() / 1000);
    if (second <= (times[times.length - 1] ?? -Infinity)) return;
    // A hole is a hole: seconds that nobody saw are not drawn as zero.
    if (times.length && second - times[times.length - 1] > 3) {
      times.push(second - 1);
      orders.push(null);
    }
    times.push(second);
    orders.push(frame.rate);
    while (times.length && times[0] < second - SECONDS) {
      times.shift();
      orders.shift();
    }
    if (plot) plot.setData([times, orders]);
    else build();
  }

  function build() {
    if (!root.isConnected || root.clientWidth === 0) return;
    plot?.destroy();
    const ink = colourOf("--muted");
    const line = colourOf("--hairline");
    const shade = colourOf("--shade");
    const em = big ? Math.max(16, Math.round(innerWidth / 120)) : 12;
    const font = `${em}px system-ui, sans-serif`;
    const axis = { stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1, size: 4 }, gap: 4 };
    plot = new uPlot({
      width: root.clientWidth, height: Math.max(120, root.clientHeight), legend: { show: false }, cursor: { show: false }, padding: [8, 12, 0, 0],
      scales: {
        x: { range: () => (times.length ? [times[times.length - 1] - SECONDS, times[times.length - 1]] : [0, SECONDS]) },
        y: { range: (_, low, high) => [0, Math.max(4, (high ?? 0) * 1.15)] },
      },
      axes: [
        { ...axis, size: Math.round(em * 2.3), space: em * 8, values: (_, splits) => splits.map((second) => timeOfDay(second * 1000).slice(0, 5)) },
        { ...axis, size: Math.round(em * 3.7), space: em * 3.5, values: (_, splits) => splits.map((value) => count(value)) },
      ],
      series: [{}, { stroke: shade, width: 1.5, fill: shade.replace(/^rgb\((.*)\)$/, "rgba($1, 0.12)"), points: { show: false } }],
    }, [times, orders], root);
    const canvas = plot.root.querySelector("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "Orders per second over the last 15 minutes. The table has the numbers.");
  }

  return {
    root, load, add, build,
    /** Minute by minute, newest first. */
    table() {
      const minutes = new Map();
      times.forEach((second, at) => {
        if (orders[at] === null) return;
        const minute = Math.floor(second / 60) * 60;
        const entry = minutes.get(minute) ?? { seconds: 0, orders: 0, most: 0 };
        entry.seconds += 1;
        entry.orders += orders[at];
        entry.most = Math.max(entry.most, orders[at]);
        minutes.set(minute, entry);
      });
      return dataTable("Orders by minute", [{ name: "Minute" }, { name: "Orders", num: true }, { name: "Per second", num: true }, { name: "Highest second", num: true }],
        [...minutes].sort((a, b) => b[0] - a[0]).map(([minute, entry]) =>
          [timeOfDay(minute * 1000).slice(0, 5), exact(entry.orders), decimal1(entry.orders / entry.seconds), exact(entry.most)]));
    },
    destroy() {
      observer.disconnect();
      themeEvents.removeEventListener("themechange", build);
      plot?.destroy();
    },
  };
}
