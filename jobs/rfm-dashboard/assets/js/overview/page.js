// The overview: snapshots -> one snapshot and one to compare with -> cards, shares, averages, scatter, moves; below, what happens now.
// Batch panels load when the choice changes or a snapshot is published, never on a timer.

import { announce } from "../announce.js";
import { getJson, settle } from "../api.js";
import { rowsOf } from "../columns.js";
import { h } from "../dom.js";
import { day } from "../format.js";
import { createLiveStrip } from "../live/strip.js";
import { byOrder } from "../segments.js";
import { watchSnapshots } from "../snapshot-watch.js";
import { createAverages } from "./averages.js";
import { createCards } from "./cards.js";
import { createGlossary } from "./glossary.js";
import { createMigration } from "./migration.js";
import { createScatterPanel } from "./scatter-panel.js";
import { createShares } from "./shares.js";
import { createSnapshotBar } from "./snapshot-bar.js";

const WAITING = ["no_snapshot", "snapshot_loading"];

export function createOverviewPage({ router, session, shell }) {
  const heading = h("h1", { tabindex: "-1", class: "visually-hidden" }, "Overview of the customer segments");
  const notices = h("div", { class: "notices" });
  const choose = (changes) => router.update(changes, { push: true });
  const showAsTable = (id) => (shown) => router.update({ table: withName(router.current().values.table, id, shown) });

  const bar = createSnapshotBar({ session, onChoose: choose });
  const cards = createCards({ onSegment: (slug) => choose({ segment: slug }) });
  const shares = createShares({ onTable: showAsTable("share") });
  const averages = createAverages();
  const scatter = createScatterPanel({ router, onTable: showAsTable("scatter") });
  const migration = createMigration();
  const strip = createLiveStrip({ shell, router, onSnapshot: published });
  const batch = [cards, shares, averages, scatter, migration];

  const root = h("div", { class: "overview" }, heading, bar.root, notices, cards.root,
    h("div", { class: "grid" }, shares.root, scatter.root, averages.root, migration.root), strip.root, createGlossary());

  let loading = new AbortController();
  let shownKey = null;
  // The run of the newest snapshot that this page knows of.
  let newestRun = null;
  const watch = watchSnapshots({ known: () => newestRun, onPublished: published });

  /** Loads what the address asks for, if it is not what is shown. */
  async function update(route, { force = false } = {}) {
    const { snapshot, vs, segment, table } = route.values;
    const tables = (table ?? "").split(",");
    shares.panel.setTable(tables.includes("share"));
    scatter.setTable(tables.includes("scatter"));
    cards.select(segment ?? null);
    scatter.show(route.values);
    const key = `${snapshot ?? ""} ${vs ?? ""}`;
    if (key === shownKey && !force) return;
    shownKey = key;
    loading.abort();
    loading = new AbortController();
    await load(snapshot, vs, loading.signal);
  }

  async function load(wanted, wantedVs, signal) {
    for (const part of batch) part.loading();
    notices.replaceChildren();
    const list = await settle(getJson("snapshots", {}, signal));
    if (list.aborted) return;
    if (list.error) return listFailed(list.error, signal);
    const snapshots = rowsOf(list.value.data);
    const current = snapshots.find((row) => row.is_current) ?? snapshots[0];
    newestRun = current.run_id;
    const chosen = wanted ? snapshots.find((row) => row.snapshot_date === wanted) : current;
    if (!chosen) return unknownSnapshot(wanted);
    const older = snapshots.filter((row) => row.snapshot_date < chosen.snapshot_date);
    const vs = wantedVs === "none" ? null : snapshots.find((row) => row.snapshot_date === wantedVs && row !== chosen) ?? older[0] ?? null;
    bar.showChoice(snapshots, chosen, vs, current);
    if (wantedVs && wantedVs !== "none" && vs?.snapshot_date !== wantedVs) {
      notices.append(notice("stale", `There is no snapshot of ${day(wantedVs)} to compare with.`));
    }
    const date = chosen.snapshot_date;
    scatter.load(date, signal);
    migration.load(vs?.snapshot_date ?? null, date, signal);
    await loadSegments(date, vs, signal);
  }

  async function loadSegments(date, vs, signal) {
    const [now, before] = await Promise.all([
      settle(getJson("segments", { snapshot: date }, signal)),
      vs ? settle(getJson("segments", { snapshot: vs.snapshot_date }, signal)) : { value: null },
    ]);
    if (now.aborted || before.aborted) return;
    if (now.error) {
      const retry = () => update(router.current(), { force: true });
      for (const part of [cards, shares, averages]) part.panel.error(now.error, retry);
      return;
    }
    const segments = sorted(now.value.data.segments);
    const earlier = before.value ? sorted(before.value.data.segments) : null;
    bar.showModel(now.value);
    cards.show(segments, earlier, vs?.snapshot_date ?? null);
    shares.show(segments, date);
    averages.show(segments, date);
  }

  function listFailed(error, signal) {
    shownKey = null;
    bar.showNothing();
    if (WAITING.includes(error.code)) {
      for (const part of batch) part.panel.empty("No snapshot yet.", "The batch job publishes one; this page then fills by itself.");
      notices.append(notice("", error.message));
      // The stream tells of a new snapshot; without a feed somebody has to ask.
      setTimeout(() => !signal.aborted && update(router.current(), { force: true }), 5000);
      return;
    }
    const retry = () => update(router.current(), { force: true });
    for (const part of batch) part.panel.error(error, retry);
    announce(`The snapshots could not be loaded: ${error.message}`, true);
  }

  function unknownSnapshot(wanted) {
    for (const part of batch) part.panel.empty(`There is no snapshot of ${day(wanted)}.`, "Choose another one above.");
    const newest = h("button", { type: "button", class: "button", on: { click: () => choose({ snapshot: null, vs: null }) } }, "Show the newest");
    notices.append(notice("stale", `There is no snapshot of ${day(wanted)}.`, newest));
  }

  /** A snapshot came out while we look. The newest follows by itself; a chosen older one stays. */
  function published({ snapshot_date: date, run_id: run }) {
    if (run === newestRun) return;
    newestRun = run;
    announce(`A new snapshot of ${day(date)} is published.`);
    if (!router.current().values.snapshot) {
      update(router.current(), { force: true });
      return;
    }
    const button = h("button", { type: "button", class: "button", on: { click: () => choose({ snapshot: null, vs: null }) } }, "Show it");
    notices.replaceChildren(notice("", `A new snapshot of ${day(date)} is published.`, button));
  }

  return {
    root, update,
    focusTarget: () => heading,
    keys: {
      ...strip.keys,
      table() {
        const focused = document.activeElement?.closest?.("[data-panel]")?.dataset.panel;
        const ids = ["share", "scatter"].filter((id) => !["share", "scatter"].includes(focused) || id === focused);
        const now = (router.current().values.table ?? "").split(",").filter(Boolean);
        const shown = !now.includes(ids[0]);
        router.update({ table: ids.reduce((list, id) => withName(list, id, shown), now.join(",")) });
      },
      escape: () => scatter.clear() || strip.escape() || (router.current().values.segment ? choose({ segment: null }) : false),
    },
    destroy() {
      loading.abort();
      watch.destroy();
      bar.destroy();
      strip.destroy();
      scatter.destroy();
    },
  };
}

const sorted = (columns) => rowsOf(columns).sort((a, b) => byOrder(a.segment, b.segment));

const notice = (kind, ...content) => h("p", { class: `notice ${kind}` }, content);

/** The comma list with a name put in or taken out; null when it is empty. */
function withName(list, name, present) {
  const names = new Set((list ?? "").split(",").filter(Boolean));
  if (present) names.add(name);
  else names.delete(name);
  return [...names].join(",") || null;
}
