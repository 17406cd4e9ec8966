// The segments as the page shows them: fixed order, one colour and one marker each. Colour never stands alone.

import { h, svg } from "./dom.js";

const KNOWN = [
  { slug: "high-value-vip", name: "High Value VIP", short: "VIP", marker: "diamond" },
  { slug: "loyal-frequent", name: "Loyal / Frequent", short: "Loyal", marker: "circle" },
  { slug: "new-promising", name: "New / Promising", short: "New", marker: "triangle" },
  { slug: "churn-risk", name: "Churn Risk", short: "Churn", marker: "square" },
];
export const UNKNOWN = { slug: "unknown", name: "Unknown", short: "Unknown", marker: "ring" };

const bySlug = new Map([...KNOWN, UNKNOWN].map((segment, order) => [segment.slug, { ...segment, order }]));

/** Path data of each marker in a box of 16 x 16, also drawn (scaled) on canvases. */
const PATHS = {
  diamond: "M8 0.8 15.2 8 8 15.2 0.8 8Z",
  triangle: "M8 1.6 15 14.4H1Z",
  square: "M2 2H14V14H2Z",
  cross: "M6 1H10V6H15V10H10V15H6V10H1V6H6Z",
};

/** A segment by its slug. Runs with other k bring names of their own ("Regular 1"): these get a neutral look behind the known ones. */
export function segment(slug, name) {
  const known = bySlug.get(slug);
  if (known) return known;
  const made = { slug: String(slug), name: String(name ?? slug), short: String(name ?? slug), marker: "cross", order: bySlug.size };
  if (slug) bySlug.set(made.slug, made);
  return made;
}

export const knownSlugs = () => [...bySlug.keys()];
export const byOrder = (a, b) => segment(a).order - segment(b).order;
export const colourClass = (slug) => `seg-${/^[a-z0-9-]+$/.test(slug) ? slug : "unknown"}`;
export const colourProperty = (slug) => (KNOWN.some((known) => known.slug === slug) ? `--${slug}` : "--unknown");

/** The marker as a small picture. It is decoration: the name stands beside it. */
export function marker(slug) {
  const root = svg("svg", { class: `marker ${colourClass(slug)}`, viewBox: "0 0 16 16", "aria-hidden": "true" });
  root.append(shape(segment(slug).marker));
  return root;
}

function shape(kind) {
  if (kind === "circle") return svg("circle", { cx: 8, cy: 8, r: 6.8 });
  if (kind === "ring") return svg("circle", { cx: 8, cy: 8, r: 5.6, class: "hollow" });
  return svg("path", { d: PATHS[kind] });
}

/** Marker and name. */
export const chip = (slug, name) => h("span", { class: "chip" }, marker(slug), h("span", { class: "chip-name" }, segment(slug, name).name));

/** Adds the marker's outline to a canvas path: centre x, y and half width r in canvas pixels. */
export function traceMarker(path, kind, x, y, r) {
  if (kind === "circle" || kind === "ring") {
    path.moveTo(x + r, y);
    path.arc(x, y, r, 0, 2 * Math.PI);
  } else if (kind === "diamond") {
    path.moveTo(x, y - 1.2 * r);
    path.lineTo(x + 1.2 * r, y);
    path.lineTo(x, y + 1.2 * r);
    path.lineTo(x - 1.2 * r, y);
    path.closePath();
  } else if (kind === "triangle") {
    path.moveTo(x, y - 1.15 * r);
    path.lineTo(x + 1.1 * r, y + 0.9 * r);
    path.lineTo(x - 1.1 * r, y + 0.9 * r);
    path.closePath();
  } else {
    path.rect(x - 0.9 * r, y - 0.9 * r, 1.8 * r, 1.8 * r);
  }
}
