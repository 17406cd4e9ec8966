// The look-up: known, unknown, malformed and hostile ids, history, and the orders of this minute.

import assert from "node:assert/strict";
import { test } from "node:test";

import { onPage, seeText, tableRows, text } from "../support/browser.mjs";
import { until } from "../support/until.mjs";

const NOT_FOUND = [/status of 404/];
const REFUSED = [/status of 400/];

export function customer(stage) {
  test("look-up: values, scores, rank and history of a customer, by the box in the head", () => onPage(stage, `${stage.shop.address}/?snapshot=2011-12-10`, {}, async (page) => {
    await page.getByLabel("Customer number").fill("12347");
    await page.keyboard.press("Enter");
    await seeText(page, "h1", "Customer 12347");
    assert.equal(new URL(page.url()).pathname, "/customers/12347");
    await page.goto(`${stage.shop.address}/customers/12347?snapshot=2011-12-10`);
    await seeText(page, "[data-value=monetary]", "4,310.00");
    assert.equal(await text(page, "[data-value=recency_days]"), "3 days");
    assert.equal(await text(page, "[data-value=frequency]"), "7 orders");
    assert.match(await text(page, "[data-value=rank]"), /^Rank \d+ of \d+ in the segment, by monetary$/);
    for (const score of ["recency_days", "frequency", "monetary"]) assert.match(await text(page, `[data-value=${score}_score]`), /^[1-5] of 5$/);
    const printed = await stage.shop.batch(["show", "customer", "12347", "--snapshot", "2011-12-10"]);
    assert.ok(printed.includes(await text(page, ".summary-segment")), printed);
    await page.locator(".panel-history button", { hasText: "Table" }).click();
    const history = await tableRows(page, ".panel-history .panel-table");
    const row = history.find(([date]) => date === "10 Dec 2011");
    assert.deepEqual([row[2], row[4], row[6]], ["3", "7", "4,310.00"]);
    assert.ok(history.some(([date]) => date === "10 Nov 2011"));
  }));

  test("look-up: unknown, malformed and hostile ids each have an answer of their own", () => onPage(stage, `${stage.shop.address}/customers/99999`, { allow: [...NOT_FOUND, ...REFUSED] }, async (page) => {
    const open = async (id) => page.goto(`${stage.shop.address}/customers/${encodeURIComponent(id)}`);
    await seeText(page, "h1", "Unknown customer");
    await seeText(page, ".answer-detail", "99999");
    await open("9223372036854775807");
    await seeText(page, "h1", "Unknown customer");
    for (const id of ["9223372036854775808", "twelve", "12347; DROP TABLE", "<img src=x onerror=alert(1)>", "../../etc/passwd", "१२३", "%00"]) {
      await open(id);
      await seeText(page, "h1", "Not a customer number");
      assert.equal(await page.locator("main img").count(), 0);
    }
    await open("-5");
    await seeText(page, "h1", /Unknown customer|Not a customer number/);
    await page.getByRole("link", { name: "Look up another" }).click();
    await seeText(page, "h1", "Look up a customer");
    await page.keyboard.type("12348");
    await page.keyboard.press("Enter");
    await seeText(page, "h1", "Customer 12348");
    await until("focus on the heading", () => page.evaluate(() => document.activeElement?.tagName === "H1"));
  }));

  test("look-up: live orders of a customer, with descriptions that would break out", () => onPage(stage, `${stage.shop.address}/customers/12348`, {}, async (page) => {
    await seeText(page, ".panel-live .badge", "live");
    const hostile = ["<img src=x onerror=alert(1)>", "</td></table><script>alert(2)</script>", "\u202Edrow eht snrut", "=HYPERLINK(1)", "x".repeat(1000)];
    const lines = hostile.map((description, at) => `59000${at},H${at},"${description}",${at + 1},12/9/2011 10:00,2.55,12348,"<b>Iceland</b>"`);
    await stage.shop.replay(`InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n${lines.join("\n")}\n`);
    const rows = await until("the five orders", async () => {
      const seen = (await tableRows(page, ".orders")).filter((row) => row[8].startsWith("5900"));
      return seen.length === 5 && seen;
    }, 25_000);
    const byInvoice = Object.fromEntries(rows.map((row) => [row[8], row]));
    hostile.slice(0, 4).forEach((description, at) => {
      assert.equal(byInvoice[`59000${at}`][3], description);
      assert.equal(byInvoice[`59000${at}`][6], ((at + 1) * 2.55).toFixed(2));
      assert.equal(byInvoice[`59000${at}`][7], "<b>Iceland</b>");
    });
    assert.ok(byInvoice[590004][3].length < 200);
    assert.equal(await page.locator(".orders img, .orders script, .orders b").count(), 0);
  }));
}
