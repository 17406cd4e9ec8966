// Chromium, and pages that do not forgive: an error on the console, an uncaught one or a violation of the policy fails the test.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

import { until } from "./until.mjs";

const modules = createRequire(join(process.env.RFM_BROWSER_MODULES ?? "/missing", "package.json"));
const DESKTOP = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

export function openBrowser() {
  const { chromium } = modules("playwright-core");
  // Tests run as root in containers, where Chromium's own sandbox does not start.
  return chromium.launch({ executablePath: process.env.RFM_CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

/**
 * Runs `act(page)` on a page of its own. `allow`: patterns of console errors that belong to the test (a 404 that was asked for).
 */
export async function onPage({ browser }, address, options, act) {
  const { viewport = DESKTOP, allow = [], ...context } = options;
  const place = await browser.newContext({ viewport, locale: "en-GB", timezoneId: "Europe/London", reducedMotion: "reduce", ...context });
  const page = await place.newPage();
  page.setDefaultTimeout(12_000);
  const faults = [];
  page.on("console", (message) => message.type() === "error" && faults.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => faults.push(`uncaught: ${error.message}`));
  page.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
  });
  try {
    await page.goto(address);
    await act(page);
    assert.deepEqual(faults.filter((fault) => !allow.some((pattern) => pattern.test(fault))), []);
  } catch (error) {
    const seen = await page.locator("body").innerText().catch(() => "");
    error.message += `\nat ${page.url()}\n${faults.join("\n")}\npage: ${seen.slice(0, 1200)}`;
    throw error;
  } finally {
    await place.close();
  }
}

export const text = async (page, selector) => (await page.locator(selector).first().innerText()).replaceAll("\u00a0", " ").trim();

export async function seeText(page, selector, pattern, ms) {
  await until(`${selector} has ${pattern}`, async () => {
    const seen = await text(page, selector);
    return pattern instanceof RegExp ? pattern.test(seen) : seen.includes(pattern);
  }, ms);
}

/** The rows of a table as texts, its head left out. */
export async function tableRows(page, selector) {
  const rows = await page.locator(`${selector} tbody tr:not([hidden])`).evaluateAll((list) => list.map((row) => [...row.cells].map((cell) => cell.innerText.replaceAll("\u00a0", " ").trim())));
  return rows;
}

/** Fails with what axe finds wrong, in words. */
export async function checkAxe(page, where) {
  // Evaluated, not added as a script: the page's policy refuses that.
  await page.evaluate(readFileSync(modules.resolve("axe-core/axe.min.js"), "utf8"));
  const violations = await page.evaluate(async () => {
    const result = await globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
    return result.violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map(({ target, failureSummary }) => `${target.join(" ")} (${failureSummary})`).join("; ")}`);
  });
  assert.deepEqual(violations, [], `axe, ${where}`);
}

export async function noSidewaysScroll(page) {
  const [scroll, client] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(scroll <= client, `the page is ${scroll} wide in a window of ${client}`);
}
