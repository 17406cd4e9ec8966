// Pictures of a running dashboard for the documentation: node screenshots.mjs ADDRESS FOLDER, with RFM_CHROMIUM and
// RFM_BROWSER_MODULES set as in the script `run` beside this file.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { PHONE, openBrowser } from "./support/browser.mjs";

const DESKTOP = { width: 1440, height: 900 };
const PICTURES = [
  ["overview", "/", DESKTOP, "light", ".matrix"],
  ["overview-dark", "/?segment=churn-risk", DESKTOP, "dark", ".matrix"],
  ["live", "/live", DESKTOP, "dark", ".orders tr:not([hidden]) td"],
  ["customer", null, DESKTOP, "light", ".history-line"],
  ["phone", "/", PHONE, "dark", ".card-name"],
  ["wall", "/?view=wall", { width: 1920, height: 1080 }, "dark", ".wall-card"],
];
// Long enough for the figures of some seconds to have come.
const SETTLE_MS = 6000;

const [address, folder] = process.argv.slice(2);
if (!address || !folder) {
  console.error("usage: node screenshots.mjs ADDRESS FOLDER");
  process.exit(2);
}
await mkdir(folder, { recursive: true });
const browser = await openBrowser();
for (const [name, path, viewport, colorScheme, proof] of PICTURES) {
  const page = await browser.newPage({ viewport, colorScheme, locale: "en-GB", reducedMotion: "reduce", deviceScaleFactor: viewport === PHONE ? 2 : 1 });
  await page.goto(address + (path ?? `/customers/${await somebody(page)}`));
  await page.locator(proof).first().waitFor();
  await page.waitForTimeout(SETTLE_MS);
  await page.screenshot({ path: join(folder, `${name}.png`) });
  await page.close();
}
await browser.close();

/** A customer who is ordering at the moment. */
async function somebody(page) {
  await page.goto(`${address}/live?segment=high-value-vip`);
  return page.locator(".orders tr:not([hidden]) .c-customer a").first().innerText();
}
