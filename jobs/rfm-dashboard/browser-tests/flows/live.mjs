// The live page: rows arrive, pause holds them, filters filter, memory stays bounded, and a restart of the server is survived and told.

import assert from "node:assert/strict";
import { test } from "node:test";

import { onPage, seeText, tableRows, text } from "../support/browser.mjs";
import { end, json } from "../support/shop.mjs";
import { until } from "../support/until.mjs";

const newest = async (page) => (await tableRows(page, ".orders"))[0]?.[8];
const tiles = (page) => page.locator(".tile").evaluateAll((list) => Object.fromEntries(list.map((tile) => [tile.querySelector("dt").textContent, tile.querySelector("dd").textContent.replaceAll("\u00a0", " ")])));

const secondOfDay = (time) => time.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
/** How long `a` is after `b`, over midnight too. */
const secondsAfter = (a, b) => ((a - b + 129_600) % 86_400) - 43_200;

export function live(stage) {
  test("live: orders arrive newest first, with exact figures", () => onPage(stage, `${stage.shop.address}/live`, {}, async (page) => {
    await seeText(page, ".badge", /^live · last order/);
    await until("50 rows", async () => (await tableRows(page, ".orders")).length === 50);
    const first = await newest(page);
    await until("a newer order", async () => (await newest(page)) !== first);
    // As they arrive: orders of several Kafka partitions, made within the same moment, may come in any order; after a stall of the
    // machine that moment is longer, for a while.
    const rows = await until("rows in the order of their times", async () => {
      const shown = await tableRows(page, ".orders");
      const times = shown.map(([time]) => secondOfDay(time));
      return secondsAfter(times[0], times.at(-1)) > 0
        && times.every((time, at) => times.slice(at + 1).every((later) => secondsAfter(later, time) <= 2)) && shown;
    }, 25_000);
    for (const row of rows) {
      assert.match(row[2], /^(High Value VIP|Loyal \/ Frequent|New \/ Promising|Churn Risk|Unknown)$/);
      assert.match(row[6], /^-?[\d,]+\.\d\d$/);
    }
    const figures = await until("figures", async () => {
      const seen = await tiles(page);
      return Number(seen["Orders per second"]) > 0 && /%$/.test(seen["Known customers"]) && /s$/.test(seen.Lag) && seen;
    });
    const { data } = await json(`${stage.shop.address}/api/live`);
    assert.ok(Math.abs(Number(figures["Since the start"].replaceAll(",", "")) - data.total) < 400, `${figures["Since the start"]} and ${data.total}`);
    await until("segments of the last minute", async () => (await page.locator(".minute-legend li").count()) >= 4);
    await page.locator(".panel-rate button", { hasText: "Table" }).click();
    await until("the rate as a table", async () => (await tableRows(page, ".panel-rate .panel-table")).length > 0);
  }));

  test("live: pause holds the list and counts, resume shows the newest; so does touching a row", () => onPage(stage, `${stage.shop.address}/live`, {}, async (page) => {
    await until("rows", async () => (await tableRows(page, ".orders")).length > 10);
    await page.keyboard.press("p");
    await seeText(page, ".pause", "Resume");
    await seeText(page, ".badge", "paused");
    const held = JSON.stringify(await tableRows(page, ".orders"));
    await seeText(page, ".fresh", /^\d+ new$/);
    const before = Number.parseInt(await text(page, ".fresh"), 10);
    await until("more of them", async () => Number.parseInt(await text(page, ".fresh"), 10) > before);
    assert.equal(JSON.stringify(await tableRows(page, ".orders")), held);
    await page.locator(".fresh").click();
    await seeText(page, ".pause", "Pause");
    await until("the list goes on", async () => JSON.stringify(await tableRows(page, ".orders")) !== held);
    await page.locator(".orders tbody tr").nth(3).hover();
    await seeText(page, ".fresh", /^\d+ new$/);
    await page.mouse.move(5, 300);
    await until("released", async () => !(await page.locator(".fresh").isVisible()));
  }));

  test("live: filters are in the address and hold for every row", () => onPage(stage, `${stage.shop.address}/live?segment=unknown`, {}, async (page) => {
    await until("filtered rows", async () => {
      const rows = await tableRows(page, ".orders");
      return rows.length > 0 && rows.every((row) => row[2] === "Unknown");
    }, 25_000);
    await page.locator(".filters select").selectOption("high-value-vip");
    assert.match(page.url(), /segment=high-value-vip/);
    await until("the other filter", async () => {
      const rows = await tableRows(page, ".orders");
      return rows.length > 0 && rows.every((row) => row[2] === "High Value VIP");
    }, 25_000);
    await page.locator(".filters input").fill("77777777");
    await page.keyboard.press("Enter");
    await seeText(page, ".feed-empty", "No orders of customer 77777777 so far.");
    await page.getByRole("button", { name: "Clear filters" }).click();
    assert.equal(new URL(page.url()).search, "");
    await until("all orders", async () => (await tableRows(page, ".orders")).length > 10);
    await page.locator(".filters input").fill("abc");
    await page.keyboard.press("Enter");
    await seeText(page, ".refusal", "A customer number is a whole number.");
  }));

  test("live: many orders leave the number of elements as it is", () => onPage(stage, `${stage.shop.address}/live`, {}, async (page) => {
    await until("50 rows", async () => (await tableRows(page, ".orders")).length === 50);
    await until("all segments of the last minute", async () => (await page.locator(".minute-legend li").count()) >= 4);
    const elements = () => page.evaluate(() => document.querySelectorAll("*").length);
    const before = await elements();
    const lines = Array.from({ length: 4000 }, (_, at) => `6${String(at).padStart(5, "0")},85123A,BULK,1,12/9/2011 10:00,1.25,${12346 + (at % 240)},France`);
    await stage.shop.replay(`InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n${lines.join("\n")}\n`);
    await until("the bulk", async () => (await tableRows(page, ".orders")).some((row) => row[3] === "BULK"), 25_000);
    await seeText(page, ".feed-note", "of 2,000 held", 25_000);
    const grown = (await elements()) - before;
    assert.ok(grown < 30, `${grown} elements more`);
  }));

  test("live: above a thousand orders a second not all are listed, and the page says so", () => onPage(stage, `${stage.shop.address}/live`, {}, async (page) => {
    await until("rows", async () => (await tableRows(page, ".orders")).length > 10);
    // The test before this one sent many orders, too.
    await until("nothing is left out", async () => !(await page.locator(".sampling").isVisible()), 25_000);
    const lines = Array.from({ length: 12_000 }, (_, at) => `7${String(at % 100_000).padStart(5, "0")},85123A,RUSH,1,12/9/2011 10:00,1.25,${12346 + (at % 240)},France`);
    const sent = stage.shop.replay(`InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n${lines.join("\n")}\n`);
    await seeText(page, ".sampling", /^1 in \d+ listed, figures count all$/, 25_000);
    await sent;
    await until("all listed again", async () => !(await page.locator(".sampling").isVisible()), 25_000);
  }));

  test("live: a restart of the server is survived; what was missed is told", () => onPage(stage, `${stage.shop.address}/live`, { allow: [/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET/] }, async (page) => {
    await until("rows", async () => (await tableRows(page, ".orders")).length > 10);
    await end(stage.shop.dashboard, "SIGKILL");
    await seeText(page, ".badge", /reconnecting|stale/);
    await seeText(page, ".feed > .notice", "Connection lost");
    const rows = await tableRows(page, ".orders");
    assert.ok(rows.length > 10, "the list stays");
    await stage.shop.startDashboard();
    await seeText(page, ".badge", /^live/, 40_000);
    await seeText(page, ".feed-note", /not shown here: the server was restarted/);
    const first = await newest(page);
    await until("orders go on", async () => (await newest(page)) !== first);
  }));
}
