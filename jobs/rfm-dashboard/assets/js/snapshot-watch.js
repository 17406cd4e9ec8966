// Tells of a new snapshot where the stream cannot: there is no feed, or the server was restarted in between. It asks who is
// published, not for the data; batch panels load only when the answer changes.

import { session } from "./api.js";

const ASK_EVERY_MS = 30_000;

/** `onPublished({snapshot_date, run_id})` once for each run that is not the one `known()` answers. */
export function watchSnapshots({ known, onPublished }) {
  let told = null;
  const asking = setInterval(async () => {
    if (document.hidden) return;
    const answer = await session().catch(() => null);
    const run = answer?.snapshot?.run_id;
    if (!run || run === told || known() === null || run === known()) return;
    told = run;
    onPublished(answer.snapshot);
  }, ASK_EVERY_MS);
  return { destroy: () => clearInterval(asking) };
}
