// A dashboard that asks who is there: nothing before the sign-in, the wrong word is refused, the address is kept, signing out ends it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { checkAxe, onPage, seeText, tableRows } from "../support/browser.mjs";
import { TAGGED, end, freePort } from "../support/shop.mjs";
import { until } from "../support/until.mjs";

const TOKEN = "a-token-for-the-tests-only";

export function signIn(stage) {
  test("sign-in: before, wrong, right, and out again", async () => {
    const { shop } = stage;
    const port = await freePort();
    const child = await shop.startAnotherDashboard(port, ["--warehouse", shop.warehouse, "--brokers", shop.brokers, "--topic", TAGGED], { RFM_DASHBOARD__TOKEN: TOKEN });
    try {
      await onPage(stage, `http://127.0.0.1:${port}/live?segment=churn-risk`, { allow: [/status of 401/] }, async (page) => {
        await seeText(page, "h1", "Sign in");
        assert.equal(await page.locator(".orders").count(), 0);
        await checkAxe(page, "sign-in");
        await page.getByLabel("Token").fill("not the token at all");
        await page.keyboard.press("Enter");
        await page.locator(".sign-in .notice.error").waitFor();
        await page.getByLabel("Token").fill(TOKEN);
        await page.keyboard.press("Enter");
        await seeText(page, "h1", "Live orders");
        assert.match(page.url(), /\/live\?segment=churn-risk$/);
        await until("live rows", async () => (await tableRows(page, ".orders")).length > 0, 25_000);
        await page.getByRole("button", { name: "Sign out" }).click();
        await seeText(page, "h1", "Sign in");
        assert.equal(await page.evaluate(async () => (await fetch("/api/segments")).status), 401);
        await page.reload();
        await seeText(page, "h1", "Sign in");
      });
    } finally {
      await end(child);
    }
  });
}
