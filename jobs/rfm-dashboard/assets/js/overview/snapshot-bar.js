// Which snapshot is shown, against which, made when, by which run, and how good the model is. The age is the data's, never the fetch's.

import { h, replace, setText } from "../dom.js";
import { count, dateTime, day, decimal1, decimal3, exact, money, shortMoney, span } from "../format.js";

const TICK_MS = 10_000;

export function createSnapshotBar({ session, onChoose }) {
  const snapshot = h("select", { on: { change: () => onChoose({ snapshot: snapshot.value || null, vs: null }) } });
  const versus = h("select", { on: { change: () => onChoose({ vs: versus.value || null }) } });
  const age = h("span", { class: "muted nowrap" });
  const facts = h("dl", { class: "facts" });
  const stale = h("p", { class: "notice stale", hidden: true });
  const choice = h("div", { class: "snapshot-choice" },
    h("label", { class: "field" }, "As of", snapshot), h("label", { class: "field" }, "against", versus), age);
  const root = h("section", { class: "snapshot-bar", "aria-label": "Snapshot" },
    choice, facts, stale);

  // The server's clock counts: a wrong one on this side would make fresh data stale.
  const skew = Date.now() - new Date(session.server_time).getTime();
  let asOf = null;
  let isNewest = false;
  const ticking = setInterval(tick, TICK_MS);

  function tick() {
    if (!asOf) return;
    const old = Date.now() - skew - new Date(asOf).getTime();
    setText(age, `computed ${span(old)} ago`);
    age.title = dateTime(asOf);
    const isStale = isNewest && old > session.stale_after_seconds * 1000;
    stale.hidden = !isStale;
    age.hidden = isStale;
    if (isStale) {
      setText(stale, `Stale: the newest snapshot was computed ${span(old)} ago (${dateTime(asOf)}). The batch job should publish one at least every ${span(session.stale_after_seconds * 1000)}.`);
    }
  }

  return {
    root,
    showChoice(snapshots, chosen, vs, current) {
      choice.hidden = false;
      replace(snapshot, snapshots.map((row) => {
        const newest = row === current;
        return h("option", { value: newest ? "" : row.snapshot_date, selected: row === chosen }, day(row.snapshot_date) + (newest ? " (newest)" : ""));
      }));
      const others = snapshots.filter((row) => row !== chosen);
      const previous = others.find((row) => row.snapshot_date < chosen.snapshot_date);
      replace(versus,
        others.map((row) => h("option", { value: row === previous ? "" : row.snapshot_date, selected: row === vs }, day(row.snapshot_date))),
        h("option", { value: previous ? "none" : "", selected: !vs }, "nothing"));
      snapshot.disabled = snapshots.length < 2;
      versus.disabled = others.length === 0;
      asOf = chosen.as_of;
      isNewest = chosen === current;
      tick();
    },
    showModel({ run_id: run, data: { model } }) {
      const currency = session.currency ? ` ${session.currency}` : "";
      replace(facts,
        fact("Customers", count(model.customers), exact(model.customers)),
        fact("Revenue", shortMoney(model.revenue) + currency, money(model.revenue) + currency),
        fact("Segments", `k = ${model.k}`, "number of clusters"),
        fact("Silhouette", decimal3(model.silhouette), "Quality of the clustering, -1 to 1: how much closer customers are to their own segment than to the next one."),
        fact("Inertia", model.inertia < 1000 ? decimal1(model.inertia) : count(Math.round(model.inertia)), "Sum of squared distances to the centroids, in the scaled space."),
        fact("Run", h("span", { class: "mono run-id" }, run ?? "–"), "The run of the batch job that published this snapshot."));
    },
    showNothing() {
      choice.hidden = true;
      replace(facts);
      setText(age, "");
      stale.hidden = true;
      asOf = null;
    },
    destroy: () => clearInterval(ticking),
  };
}

const fact = (name, value, title) => h("div", { title }, h("dt", {}, name), h("dd", {}, value));
