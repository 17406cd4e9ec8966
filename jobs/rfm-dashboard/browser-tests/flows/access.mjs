// Access: axe in each page, theme and width; keyboard only; no sideways scrolling; contrast of every colour; themes; the wall.

import assert from "node:assert/strict";
import { test } from "node:test";

import { PHONE, checkAxe, noSidewaysScroll, onPage, seeText, tableRows, text } from "../support/browser.mjs";
import { until } from "../support/until.mjs";

const PAGES = [["/?snapshot=2011-12-10", ".matrix"], ["/live", ".orders tr:not([hidden]) td"], ["/customers/12347", ".history-line"], ["/?table=share,scatter", ".panel-scatter .panel-table tr"], ["/customers/", ".ask-form"]];

export function access(stage) {
  for (const [scheme, viewport] of [["light", undefined], ["dark", undefined], ["dark", PHONE]]) {
    const where = `${scheme}, ${viewport ? "phone" : "desktop"}`;
    test(`access: axe finds nothing, nothing scrolls sideways (${where})`, () => onPage(stage, stage.shop.address, { viewport, colorScheme: scheme }, async (page) => {
      for (const [path, proof] of PAGES) {
        await page.goto(stage.shop.address + path);
        await page.locator(proof).first().waitFor();
        if (path === "/live") await page.locator(".pause").click();
        await checkAxe(page, `${path} (${where})`);
        await noSidewaysScroll(page);
        if (process.env.RFM_SCREENSHOTS) await page.screenshot({ path: `${process.env.RFM_SCREENSHOTS}/${where.replace(", ", "-")}${path.replace(/\W+/g, "-")}.png`, fullPage: true });
      }
    }));
  }

  test("access: axe in an answer, with forced colours, and in the help", () => onPage(stage, `${stage.shop.address}/customers/99999`, { forcedColors: "active", allow: [/status of 404/] }, async (page) => {
    await seeText(page, "h1", "Unknown customer");
    await checkAxe(page, "unknown customer, forced colours");
    await page.keyboard.press("?");
    await page.locator("dialog[open]").waitFor();
    await checkAxe(page, "help");
  }));

  test("access: everything by keyboard", () => onPage(stage, stage.shop.address, {}, async (page) => {
    await page.locator(".matrix").waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press("l");
    await seeText(page, "h1", "Live orders");
    // Some orders have no customer, and some one who is in no snapshot.
    const known = (row) => /^\d+$/.test(row[1]) && row[2] !== "Unknown";
    await until("rows", async () => (await tableRows(page, ".orders")).filter(known).length > 5);
    await page.keyboard.press("p");
    await seeText(page, ".pause", "Resume");
    const rows = await tableRows(page, ".orders");
    const target = rows.findIndex(known);
    for (let step = 0; step <= target; step += 1) await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.keyboard.press("k");
    await page.keyboard.press("Enter");
    await seeText(page, "h1", `Customer ${rows[target][1]}`.slice(0, 8));
    assert.equal(new URL(page.url()).pathname, `/customers/${rows[target][1]}`);
    await page.keyboard.press("/");
    await page.keyboard.type("12347");
    await page.keyboard.press("Enter");
    await seeText(page, "h1", "Customer 12347");
    await page.keyboard.press("g");
    await page.keyboard.press("o");
    await page.locator(".panel-scatter canvas").waitFor();
    await page.keyboard.press("t");
    await page.locator(".panel-scatter .panel-table table").waitFor();
    assert.match(page.url(), /table=share,scatter/);
    await page.keyboard.press("t");
    await page.locator(".scatter-area").focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    const id = await text(page, ".tip-id");
    await seeText(page, "[data-status]", `Customer ${id}`);
    await page.keyboard.press("Enter");
    await seeText(page, "h1", `Customer ${id}`);
    await page.keyboard.press("?");
    await page.getByLabel("Use single keys").uncheck();
    await page.keyboard.press("Escape");
    await page.keyboard.press("g");
    await page.keyboard.press("l");
    assert.equal(new URL(page.url()).pathname, `/customers/${id}`);
    // Every stop of the Tab key can be seen; behind the last one is the browser's own frame.
    let stops = 0;
    for (let press = 0; press < 12; press += 1) {
      await page.keyboard.press("Tab");
      const [name, outline] = await page.evaluate(() => [document.activeElement.tagName, getComputedStyle(document.activeElement).outlineStyle]);
      if (name === "BODY") continue;
      stops += 1;
      assert.notEqual(outline, "none", await page.evaluate(() => document.activeElement.outerHTML.slice(0, 120)));
    }
    assert.ok(stops >= 6, `${stops} stops`);
  }));

  test("access: the theme is remembered, and every colour is told apart from its background", () => onPage(stage, stage.shop.address, { colorScheme: "light" }, async (page) => {
    const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    await page.locator(".matrix").waitFor();
    assert.equal(await background(), "rgb(246, 247, 249)");
    await page.getByRole("button", { name: "Dark theme" }).click();
    assert.equal(await background(), "rgb(15, 19, 24)");
    await page.reload();
    assert.equal(await background(), "rgb(15, 19, 24)");
    for (const theme of ["Dark theme", "Light theme"]) {
      await page.getByRole("button", { name: theme }).click();
      const colours = await page.evaluate(() => {
        const probe = document.body.appendChild(document.createElement("span"));
        const read = (name) => {
          probe.style.color = `var(--${name})`;
          return getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
        };
        const names = ["page", "card", "ink", "muted", "border", "link", "stale-ink", "stale-tint", "error-ink", "error-tint", "high-value-vip", "loyal-frequent", "new-promising", "churn-risk", "unknown"];
        const answer = Object.fromEntries(names.map((name) => [name, read(name)]));
        probe.remove();
        return answer;
      });
      for (const ground of ["page", "card"]) {
        for (const name of ["ink", "muted", "link"]) assert.ok(ratio(colours[name], colours[ground]) >= 4.5, `${theme}: ${name} on ${ground}`);
        for (const name of ["border", "high-value-vip", "loyal-frequent", "new-promising", "churn-risk", "unknown"]) assert.ok(ratio(colours[name], colours[ground]) >= 3, `${theme}: ${name} on ${ground}`);
      }
      for (const kind of ["stale", "error"]) assert.ok(ratio(colours[`${kind}-ink`], colours[`${kind}-tint`]) >= 4.5, `${theme}: ${kind}`);
    }
    await page.getByRole("button", { name: "theme of the system" }).click();
    await page.emulateMedia({ colorScheme: "dark" });
    assert.equal(await background(), "rgb(15, 19, 24)");
  }));

  test("access: the wall shows it all without scrolling", () => onPage(stage, `${stage.shop.address}/?view=wall`, { viewport: { width: 1920, height: 1080 } }, async (page) => {
    await seeText(page, ".wall-age", /Segments as of .* · last order/);
    await until("four cards", async () => (await page.locator(".wall-card").count()) === 4);
    await until("12 orders", async () => (await tableRows(page, ".wall .orders")).length === 12);
    const [height, size] = await page.evaluate(() => [document.documentElement.scrollHeight, Number.parseFloat(getComputedStyle(document.querySelector(".wall-age")).fontSize)]);
    assert.ok(height <= 1080 && size >= 32, `${height} high, age in ${size} px`);
    await noSidewaysScroll(page);
    await checkAxe(page, "wall");
    await page.keyboard.press("Escape");
    await page.locator(".matrix").waitFor();
  }));
}

/** WCAG 2 contrast of two sRGB colours. */
function ratio(a, b) {
  const light = (colour) => {
    const [r, g, blue] = colour.map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * blue;
  };
  const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}
