// The drawing of the scatter: uPlot gives axes and scales, the points are drawn here (one marker a segment), found again by a grid
// of pixels, walked by arrow keys, and brushed with the mouse. It knows nothing of customers: points are numbers 0..n.

import { colourOf, h } from "../dom.js";
import { count, exact } from "../format.js";
import { colourProperty, segment, traceMarker } from "../segments.js";
import { themeEvents } from "../theme.js";
import { buildPointIndex } from "./point-index.js";

const POINT_RADIUS = 3.1;
const MARGIN = 1.25;
const BRUSH_FROM = 6;

/**
 * `onHover(i, x, y)`: pixels, i = -1 for none. `onPick(i)`: click or Enter. `onBrush(points or null)`. `onWalk(i)`: by arrow keys.
 */
export function createScatterPlot({ onHover, onPick, onBrush, onWalk }) {
  const ring = h("div", { class: "point-ring", hidden: true });
  const band = h("div", { class: "brush", hidden: true });
  const root = h("div", { class: "scatter-plot" });
  let plot = null;
  let shown = null;
  let index = null;
  let pixels = { xs: [], ys: [] };
  let walkOrder = [];
  let walkAt = -1;

  // A chart that is hidden has no width; it is drawn again when it is shown.
  const observer = new ResizeObserver(() => shown && root.clientWidth > 0 && size().width !== plot?.width && redraw());
  observer.observe(root);
  const themed = () => shown && redraw();
  themeEvents.addEventListener("themechange", themed);

  const size = () => ({ width: Math.max(260, Math.floor(root.clientWidth)), height: Math.max(240, Math.floor(root.clientHeight)) });

  /**
   * `points`: {x, y, segment (slug of each)}; `axes`: {x, y} names; `grid`: density cells or null; `visible(i)`: whether a point counts;
   * `label`: what the picture is, for those who do not see it.
   */
  function draw(next) {
    shown = next;
    redraw();
  }

  function redraw() {
    const { points, log, axes, visible, slugs } = shown;
    // A logarithm needs values above zero; what has none stands at the edge.
    const floor = Math.min(1, ...positive(points.x), ...positive(points.y));
    const at = (value) => (log && !(value > 0) ? floor : value);
    const series = slugs.map((slug) => ({ slug, shown: [], dimmed: [] }));
    const bySlug = new Map(series.map((entry) => [entry.slug, entry]));
    for (let i = 0; i < points.x.length; i += 1) bySlug.get(points.segment[i])[visible(i) ? "shown" : "dimmed"].push(i);

    plot?.destroy();
    index = buildPointIndex([], []);
    ring.hidden = true;
    band.hidden = true;
    const ink = colourOf("--muted");
    const line = colourOf("--hairline");
    const scale = (values) => ({ time: false, auto: false, distr: log ? 3 : 1, range: range(values.map(at), log) });
    const axis = (name, side) => ({
      label: name, stroke: ink, labelFont: "12px system-ui, sans-serif", font: "12px system-ui, sans-serif", labelSize: 20, size: side === "y" ? 60 : 34,
      grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1, size: 4 }, gap: 4,
      ...(log ? { splits: (u, _axis, low, high) => logSplits(low, high, side === "x" ? u.bbox.width : u.bbox.height) } : {}),
      filter: (_, splits) => splits,
      values: (_, splits) => splits.map((value) => (value === null ? "" : value < 1 ? String(value) : value < 1e6 ? exact(value) : count(value))),
    });
    plot = new uPlot({
      mode: 2, ...size(), legend: { show: false }, cursor: { show: false }, padding: [10, 12, 0, 0],
      scales: { x: scale(points.x), y: scale(points.y) },
      axes: [axis(axes.x, "x"), axis(axes.y, "y")],
      series: [null, ...series.map((entry) => ({ facets: [{ scale: "x", auto: false }, { scale: "y", auto: false }], paths: (u) => drawSegment(u, entry, points, at) }))],
      // Where the points are is known once the scales are, which uPlot sets when it draws.
      hooks: { drawAxes: shown.grid ? [(u) => drawGrid(u, shown.grid, log)] : [], draw: [(u) => locate(u, points, at, visible)] },
    }, [null, ...series.map(() => [[0], [0]])], root);
    const canvas = plot.root.querySelector("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", shown.label);
    listen();
  }

  function drawSegment(u, { slug, shown: own, dimmed }, points, at) {
    const { marker } = segment(slug);
    const radius = POINT_RADIUS * uPlot.pxRatio;
    const colour = colourOf(colourProperty(slug));
    const { ctx } = u;
    for (const [list, alpha] of [[dimmed, 0.1], [own, own.length > 1500 ? 0.55 : 0.75]]) {
      const path = new Path2D();
      for (const i of list) traceMarker(path, marker, u.valToPos(at(points.x[i]), "x", true), u.valToPos(at(points.y[i]), "y", true), radius);
      ctx.save();
      ctx.beginPath();
      ctx.rect(u.bbox.left - radius, u.bbox.top - radius, u.bbox.width + 2 * radius, u.bbox.height + 2 * radius);
      ctx.clip();
      ctx.globalAlpha = alpha;
      if (marker === "ring") {
        ctx.strokeStyle = colour;
        ctx.lineWidth = uPlot.pxRatio;
        ctx.stroke(path);
      } else {
        ctx.fillStyle = colour;
        ctx.fill(path);
      }
      ctx.restore();
    }
    return null;
  }

  function locate(u, points, at, visible) {
    const n = points.x.length;
    pixels = { xs: new Float32Array(n).fill(NaN), ys: new Float32Array(n).fill(NaN) };
    walkOrder = [];
    for (let i = 0; i < n; i += 1) {
      if (!visible(i)) continue;
      pixels.xs[i] = u.valToPos(at(points.x[i]), "x");
      pixels.ys[i] = u.valToPos(at(points.y[i]), "y");
      walkOrder.push(i);
    }
    walkOrder.sort((a, b) => points.x[a] - points.x[b] || points.y[a] - points.y[b]);
    walkAt = -1;
    index = buildPointIndex(pixels.xs, pixels.ys);
  }

  function mark(i) {
    ring.hidden = i < 0;
    if (i >= 0) ring.style.transform = `translate(${pixels.xs[i]}px, ${pixels.ys[i]}px)`;
    if (i >= 0) onHover(i, pixels.xs[i] + plot.over.offsetLeft, pixels.ys[i] + plot.over.offsetTop);
    else onHover(-1);
  }

  function listen() {
    const { over } = plot;
    over.append(band, ring);
    let from = null;
    const place = (event) => {
      const box = over.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    over.addEventListener("pointerdown", (event) => {
      // A finger scrolls the page; only mouse and pen brush.
      if (event.button !== 0 || event.pointerType === "touch") return;
      from = place(event);
      over.setPointerCapture(event.pointerId);
    });
    over.addEventListener("pointermove", (event) => {
      const to = place(event);
      if (!from) return mark(index.nearest(to.x, to.y));
      const wide = Math.abs(to.x - from.x) + Math.abs(to.y - from.y) > BRUSH_FROM;
      band.hidden = !wide;
      if (wide) frame(band, from, to);
      return undefined;
    });
    over.addEventListener("pointerup", (event) => {
      const to = place(event);
      if (from && !band.hidden) {
        onBrush(index.within(Math.min(from.x, to.x), Math.min(from.y, to.y), Math.max(from.x, to.x), Math.max(from.y, to.y)));
      } else if (from) {
        const hit = index.nearest(to.x, to.y);
        if (hit >= 0) onPick(hit);
      }
      from = null;
    });
    over.addEventListener("pointercancel", () => {
      from = null;
      band.hidden = true;
    });
    over.addEventListener("click", (event) => {
      // A tap shows the card first; its link opens the customer.
      if (event.pointerType === "touch") {
        const { x, y } = place(event);
        mark(index.nearest(x, y, 24));
      }
    });
    over.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && mark(-1));
  }

  /** Keys of the focused chart; answers whether the key was one of ours. */
  function key(name) {
    if (!walkOrder.length) return false;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowUp: 25, ArrowDown: -25 }[name];
    if (step) walkAt = Math.min(walkOrder.length - 1, Math.max(0, walkAt + (walkAt < 0 ? 1 : step)));
    else if (name === "Home") walkAt = 0;
    else if (name === "End") walkAt = walkOrder.length - 1;
    else if (name === "Enter" && walkAt >= 0) {
      onPick(walkOrder[walkAt]);
      return true;
    } else return false;
    mark(walkOrder[walkAt]);
    onWalk(walkOrder[walkAt]);
    return true;
  }

  return {
    root, draw, key,
    clearBrush() {
      band.hidden = true;
    },
    leave: () => mark(-1),
    destroy() {
      observer.disconnect();
      themeEvents.removeEventListener("themechange", themed);
      plot?.destroy();
    },
  };
}

function positive(values) {
  let least = Infinity;
  for (const value of values) if (value > 0 && value < least) least = value;
  return Number.isFinite(least) ? [least] : [];
}

function range(values, log) {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  if (!Number.isFinite(least)) return [log ? 1 : 0, 10];
  if (log) return [least / MARGIN, Math.max(most * MARGIN, least * 2)];
  const space = (most - least || 1) * 0.04;
  return [Math.min(0, least), most + space];
}

/** Whole decades; with 2 and 5 between where there is room: `length` in canvas pixels. */
function logSplits(low, high, length) {
  const decade = length / uPlot.pxRatio / Math.log10(high / low);
  const steps = decade > 130 ? [1, 2, 5] : [1];
  const splits = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
    for (const step of steps) {
      const value = Number(`${step}e${power}`);
      if (value >= low && value <= high) splits.push(value);
    }
  }
  return splits;
}

function frame(element, a, b) {
  element.style.left = `${Math.min(a.x, b.x)}px`;
  element.style.top = `${Math.min(a.y, b.y)}px`;
  element.style.width = `${Math.abs(a.x - b.x)}px`;
  element.style.height = `${Math.abs(a.y - b.y)}px`;
}

/** Density of all customers behind a sample: cells of one colour, darker where there are more. */
function drawGrid(u, { x_edges: xEdges, y_edges: yEdges, ix, iy, customers }, log) {
  const most = Math.max(1, ...customers);
  const { ctx } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
  ctx.clip();
  ctx.fillStyle = colourOf("--muted");
  customers.forEach((n, cell) => {
    if (!log && (xEdges[ix[cell]] <= 0 || yEdges[iy[cell]] <= 0)) return;
    const [left, right] = [u.valToPos(xEdges[ix[cell]], "x", true), u.valToPos(xEdges[ix[cell] + 1], "x", true)];
    const [bottom, top] = [u.valToPos(yEdges[iy[cell]], "y", true), u.valToPos(yEdges[iy[cell] + 1], "y", true)];
    ctx.globalAlpha = 0.05 + 0.3 * (Math.log1p(n) / Math.log1p(most));
    ctx.fillRect(left, top, right - left, bottom - top);
  });
  ctx.restore();
}
