// How smoothly the live page runs: node frames.mjs ADDRESS [SECONDS], with RFM_CHROMIUM and RFM_BROWSER_MODULES set as in the
// script `run` beside this file. Prints frames and tasks of the page's own thread; `rfm-demo --rate 1000` is what to point it at.

import { openBrowser } from "./support/browser.mjs";

const [address, seconds = "30"] = process.argv.slice(2);
if (!address) {
  console.error("usage: node frames.mjs ADDRESS [SECONDS]");
  process.exit(2);
}
const browser = await openBrowser();
const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, locale: "en-GB" });
await page.goto(`${address.replace(/\/$/, "")}/live`);
await page.locator(".orders tr:not([hidden]) td").first().waitFor();
const session = await page.context().newCDPSession(page);
await session.send("Performance.enable");
const before = await metrics();
const seen = await page.evaluate((ms) => new Promise((resolve) => {
  const frames = [];
  const tasks = [];
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: "longtask" });
  const begun = performance.now();
  let last = begun;
  requestAnimationFrame(function next(now) {
    frames.push(now - last);
    last = now;
    if (now - begun < ms) requestAnimationFrame(next);
    else resolve({ frames: frames.slice(1), tasks });
  });
}), Number(seconds) * 1000);
const after = await metrics();
const rate = await page.locator(".tile", { hasText: "Orders per second" }).locator("dd").innerText();
await browser.close();

seen.frames.sort((a, b) => a - b);
const at = (share) => seen.frames[Math.min(seen.frames.length - 1, Math.floor(seen.frames.length * share))].toFixed(1);
console.log(`${rate} orders/s as the page says, ${seconds} s`);
console.log(`frames: ${(seen.frames.length / Number(seconds)).toFixed(1)} a second; between two of them ${at(0.5)} ms, p99 ${at(0.99)} ms, at most ${at(1)} ms`);
console.log(`tasks of 50 ms and more: ${seen.tasks.length}${seen.tasks.length ? `, the longest ${Math.max(...seen.tasks).toFixed(0)} ms` : ""}`);
console.log(`the page's thread: ${((100 * (after.TaskDuration - before.TaskDuration)) / Number(seconds)).toFixed(1)} % of a core; heap ${mib(before)} MiB, then ${mib(after)} MiB`);

async function metrics() {
  const { metrics: list } = await session.send("Performance.getMetrics");
  return Object.fromEntries(list.map(({ name, value }) => [name, value]));
}

function mib({ JSHeapUsedSize }) {
  return (JSHeapUsedSize / 2 ** 20).toFixed(1);
}
