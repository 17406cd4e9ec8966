// Before there is anything: no snapshot and no feed are told apart from errors, and the page fills by itself.

import { join } from "node:path";
import assert from "node:assert/strict";
import { test } from "node:test";

import { checkAxe, onPage, seeText } from "../support/browser.mjs";
import { end, freePort } from "../support/shop.mjs";
import { until } from "../support/until.mjs";

export function waiting(stage) {
  test("waiting: an empty warehouse without a feed says so, and fills when the batch job has run", async () => {
    const { shop } = stage;
    const warehouse = join(shop.folder, "new-warehouse");
    const port = await freePort();
    const child = await shop.startAnotherDashboard(port, ["--warehouse", warehouse, "--set", "dashboard.refresh=1s"]);
    try {
      await onPage(stage, `http://127.0.0.1:${port}/`, { allow: [/status of 503/, /status of 404/] }, async (page) => {
        for (const panel of ["share", "scatter", "averages", "migration"]) await seeText(page, `.panel-${panel}`, "No snapshot yet.");
        // Not even the folder is there: maybe its name is misspelt.
        await seeText(page, ".notices", warehouse);
        await seeText(page, ".panel-strip .badge", "no live feed");
        await checkAxe(page, "empty");
        await page.goto(`http://127.0.0.1:${port}/customers/12347`);
        await seeText(page, "h1", "No data yet");
        await page.goto(`http://127.0.0.1:${port}/`);
        await seeText(page, ".panel-share", "No snapshot yet.");
        await shop.batch(["--input", join(shop.folder, "orders.csv"), "--snapshot-date", "2011-12-10", "--quiet"], warehouse);
        await until("four cards", async () => (await page.locator(".card-name").count()) === 4, 25_000);
        assert.equal(await page.locator(".notices > *").count(), 0);
      });
    } finally {
      await end(child);
    }
  });
}
