// The overview: the right numbers in cards, tables and drawings, the choice of snapshots, the address, a snapshot that comes while we look.

import assert from "node:assert/strict";
import { test } from "node:test";

import { onPage, seeText, tableRows, text } from "../support/browser.mjs";
import { asMoney, valuesAsOf } from "../support/orders.mjs";
import { SNAPSHOTS, json } from "../support/shop.mjs";
import { until } from "../support/until.mjs";

const NEWEST = SNAPSHOTS[1];
const ready = (page) => until("all panels", async () => {
  const states = await page.locator(".grid [data-panel]").evaluateAll((panels) => panels.map((panel) => panel.dataset.state));
  return states.length === 4 && states.every((state) => state === "ready");
});
const cardCounts = (page) => page.locator(".card").evaluateAll((cards) =>
  Object.fromEntries(cards.map((card) => [card.querySelector(".card-name").textContent.trim(), Number(card.querySelector("[data-value=customers]").title.replaceAll(",", ""))])));

/** What `rfm-batch show segments` prints: {name: customers}. */
async function countsOf(shop, snapshot) {
  const printed = await shop.batch(["show", "segments", "--snapshot", snapshot]);
  const counts = {};
  for (const name of ["High Value VIP", "Loyal / Frequent", "New / Promising", "Churn Risk"]) {
    const line = printed.split("\n").find((row) => row.includes(name));
    assert.ok(line, `no ${name} in\n${printed}`);
    counts[name] = Number(line.slice(line.indexOf(name) + name.length).match(/[\d,]+/)[0].replaceAll(",", ""));
  }
  return counts;
}

export function overview(stage) {
  test("overview: cards, facts and tables have the numbers of the warehouse", () => onPage(stage, stage.shop.address, {}, async (page) => {
    const expected = valuesAsOf(stage.shop.lines, NEWEST);
    const total = [...expected.values()].reduce((sum, { cents }) => sum + cents, 0);
    await ready(page);
    const counts = await cardCounts(page);
    assert.deepEqual(counts, await countsOf(stage.shop, NEWEST));
    assert.equal(Object.values(counts).reduce((sum, n) => sum + n, 0), expected.size);
    const facts = await page.locator(".facts > div").evaluateAll((list) => Object.fromEntries(list.map((fact) => [fact.querySelector("dt").textContent, [fact.querySelector("dd").textContent, fact.title]])));
    assert.equal(facts.Customers[0], String(expected.size));
    assert.equal(facts.Revenue[1], `${asMoney(total)} GBP`);
    assert.equal(facts.Segments[0], "k = 4");
    const { data, run_id: runId } = await json(`${stage.shop.address}/api/segments`);
    assert.equal(facts.Run[0], runId);
    assert.equal(facts.Silhouette[0], data.model.silhouette.toFixed(3));
    await seeText(page, ".snapshot-choice", /computed \d+ (s|min) ago/);

    await page.locator(".panel-share button", { hasText: "Table" }).click();
    const shares = await tableRows(page, ".panel-share .panel-table");
    assert.deepEqual(shares.map(([name, customers]) => [name, Number(customers)]), Object.entries(counts));
    const hundred = (column) => shares.reduce((sum, row) => sum + Number(row[column].replace(" %", "")), 0).toFixed(1);
    assert.deepEqual([hundred(2), hundred(4)], ["100.0", "100.0"]);
    assert.equal(shares.reduce((sum, row) => sum + Math.round(Number(row[3].replaceAll(",", "")) * 100), 0), total);

    const averages = await tableRows(page, ".averages");
    const weighted = averages.reduce((sum, row, at) => sum + Number(row[1]) * Object.values(counts)[at], 0) / expected.size;
    const mean = [...expected.values()].reduce((sum, { recency }) => sum + recency, 0) / expected.size;
    assert.ok(Math.abs(weighted - mean) < 0.1, `recency: ${weighted} of the segments, ${mean} of the customers`);
  }));

  test("overview: the scatter is drawn, and its table lists every customer exactly", () => onPage(stage, `${stage.shop.address}/?table=scatter`, {}, async (page) => {
    const expected = valuesAsOf(stage.shop.lines, NEWEST);
    await ready(page);
    await seeText(page, ".panel-scatter .panel-caption", `All ${expected.size} customers.`);
    const rows = await tableRows(page, ".panel-scatter .panel-table");
    const seen = new Map(rows.map(([id, , recency, frequency, monetary]) => [id, [Number(recency), Number(frequency), monetary]]));
    assert.equal(seen.size, expected.size);
    for (const [id, { recency, frequency, cents }] of expected) assert.deepEqual(seen.get(id), [recency, frequency, asMoney(cents)], id);
    assert.deepEqual(seen.get("12347"), [3, 7, "4,310.00"]);

    await page.locator(".panel-scatter button", { hasText: "Chart" }).click();
    assert.equal(new URL(page.url()).search, "");
    const painted = await page.locator(".panel-scatter canvas").evaluate((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const colours = new Set();
      for (let at = 0; at < data.length; at += 4) if (data[at + 3] > 120) colours.add(`${data[at] >> 5} ${data[at + 1] >> 5} ${data[at + 2] >> 5}`);
      return colours.size;
    });
    assert.ok(painted >= 5, `${painted} colours: axes and four segments are more`);
    assert.match(await page.locator(".panel-scatter canvas").getAttribute("aria-label"), /of 240 customers/);
  }));

  test("overview: brush and click in the scatter", () => onPage(stage, stage.shop.address, {}, async (page) => {
    await ready(page);
    await page.locator(".panel-scatter").scrollIntoViewIfNeeded();
    const box = await page.locator(".panel-scatter .u-over").boundingBox();
    await page.mouse.move(box.x + 2, box.y + 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width - 2, box.y + box.height - 2, { steps: 4 });
    await page.mouse.up();
    await seeText(page, ".scatter-choice", "240 customers chosen");
    await page.keyboard.press("Escape");
    await until("the choice is cleared", async () => (await page.locator(".scatter-choice").innerText()) === "");
    // Any point will do: the marked one is followed.
    const spot = await until("a point below the pointer", async () => {
      for (let part = 0.1; part < 0.95; part += 0.03) {
        await page.mouse.move(box.x + box.width * part, box.y + box.height * 0.45);
        if (await page.locator(".tip").isVisible()) return { id: await text(page, ".tip-id"), x: box.x + box.width * part, y: box.y + box.height * 0.45 };
      }
      return null;
    });
    await page.mouse.click(spot.x, spot.y);
    await seeText(page, "h1", `Customer ${spot.id}`);
    assert.equal(new URL(page.url()).pathname, `/customers/${spot.id}`);
  }));

  test("overview: who moved adds up with both snapshots", () => onPage(stage, stage.shop.address, {}, async (page) => {
    await ready(page);
    const [older, newer] = [await countsOf(stage.shop, SNAPSHOTS[0]), await countsOf(stage.shop, NEWEST)];
    const rows = await tableRows(page, ".matrix");
    const cells = rows.map((row) => row.slice(1).map((cell) => Number(cell.replaceAll(",", "") || 0)));
    rows.slice(0, 4).forEach(([name], at) => assert.equal(cells[at].reduce((sum, n) => sum + n, 0), older[name], `from ${name}`));
    rows.slice(0, 4).forEach(([name], at) => assert.equal(cells.reduce((sum, row) => sum + row[at], 0), newer[name], `to ${name}`));
    assert.ok((await page.locator(".moves li").count()) > 0);
    const change = await page.locator(".card").evaluateAll((cards) => Object.fromEntries(cards.map((card) => [card.querySelector(".card-name").textContent.trim(), card.querySelector("[data-value=change]").textContent])));
    for (const [name, words] of Object.entries(change)) {
      const difference = newer[name] - older[name];
      const sign = difference > 0 ? `▲+${difference}` : difference < 0 ? `▼−${-difference}` : "=as many as";
      assert.ok(words.startsWith(sign), `${name}: ${words}, not ${sign}`);
    }
  }));

  test("overview: snapshot, filter and axes are in the address, Back goes back, nonsense is told", () => onPage(stage, stage.shop.address, {}, async (page) => {
    await ready(page);
    await page.getByLabel("As of").selectOption(SNAPSHOTS[0]);
    await until("the older snapshot", async () => JSON.stringify(await cardCounts(page)) === JSON.stringify(await countsOf(stage.shop, SNAPSHOTS[0])));
    assert.equal(new URL(page.url()).search, `?snapshot=${SNAPSHOTS[0]}`);
    await seeText(page, ".panel-migration", "Nothing to compare with");
    const link = await page.locator(".panel-share a", { hasText: "CSV" }).getAttribute("href");
    const csv = await (await fetch(stage.shop.address + link)).text();
    assert.ok(csv.startsWith("segment,name,"), csv);
    await page.locator(".card-name", { hasText: "Churn Risk" }).click();
    await seeText(page, ".panel-scatter .panel-caption", /Of these \d+ Churn Risk/);
    assert.match(page.url(), /segment=churn-risk/);
    await page.goBack();
    await page.goBack();
    await until("the newest again", async () => JSON.stringify(await cardCounts(page)) === JSON.stringify(await countsOf(stage.shop, NEWEST)));
    await page.goto(`${stage.shop.address}/?snapshot=yesterday&x=frequency&segment=%3Cscript%3E`);
    await seeText(page, ".refused", "snapshot, segment");
    await ready(page);
    assert.equal(await page.getByLabel("Horizontal axis").inputValue(), "frequency");
    await page.goto(`${stage.shop.address}/?snapshot=1999-01-01`);
    await seeText(page, ".notices", "There is no snapshot of 1 Jan 1999");
  }));

  test("overview: a snapshot that is published while we look appears by itself", () => onPage(stage, stage.shop.address, {}, async (page) => {
    await ready(page);
    await seeText(page, ".panel-strip .badge", /live|connected/);
    await stage.shop.publish("2011-12-11");
    await until("the new snapshot", async () => (await page.getByLabel("As of").locator("option:checked").innerText()) === "11 Dec 2011 (newest)", 20_000);
    await ready(page);
    assert.deepEqual(await cardCounts(page), await countsOf(stage.shop, "2011-12-11"));
  }));
}
