// What needs no browser: rules of the source, and the modules that only compute. On its own: LC_ALL=C node --test pure.test.mjs

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";

import * as format from "../assets/js/format.js";
import { createOrderRing } from "../assets/js/live/order-ring.js";
import { buildPointIndex } from "../assets/js/overview/point-index.js";

const ASSETS = fileURLToPath(new URL("../assets/", import.meta.url));
const BANNED = /\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|eval\(|new Function|setAttribute\("style")/;
const files = (folder) => readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
  const path = join(folder, entry.name);
  return entry.isDirectory() ? files(path) : [path];
});
const plain = (text) => text.replaceAll("\u00a0", " ");

test("source: nothing parses strings as markup or code, the page has no inline script or style, modules are short", () => {
  const own = files(join(ASSETS, "js"));
  assert.ok(own.length > 20);
  for (const path of own) {
    const text = readFileSync(path, "utf8");
    assert.doesNotMatch(text, BANNED, path);
    assert.ok(text.split("\n").length <= 400, `${path} is too long`);
  }
  const page = readFileSync(join(ASSETS, "index.html"), "utf8");
  assert.doesNotMatch(page, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:/i);
});

test("source: vendored files are what their list says", () => {
  const vendor = join(ASSETS, "vendor");
  const listed = readFileSync(join(vendor, "SHA256SUMS"), "utf8").trim().split("\n").map((line) => line.split("  "));
  const present = files(vendor).map((path) => path.slice(vendor.length + 1)).filter((path) => path !== "SHA256SUMS").sort();
  assert.deepEqual(listed.map(([, path]) => path).sort(), present);
  for (const [sum, path] of listed) assert.equal(createHash("sha256").update(readFileSync(join(vendor, path))).digest("hex"), sum, path);
});

test("format: shares add up, money is exact, missing is a dash", () => {
  const tenths = (texts) => texts.reduce((sum, text) => sum + Math.round(Number.parseFloat(text) * 10), 0);
  for (const parts of [[1, 1, 1], [725, 1161, 877, 1575], [1, 0, 0], [1, 1e9, 3], [7, 7, 7, 7, 7, 7]]) assert.equal(tenths(format.shares(parts)), 1000, String(parts));
  assert.deepEqual(format.shares([1, 1, 1]).map(plain), ["33.4 %", "33.3 %", "33.3 %"]);
  assert.deepEqual(format.shares([0, 0]), ["–", "–"]);
  // Beyond what a double holds.
  assert.equal(format.money("9007199254740993.1200"), "9,007,199,254,740,993.12");
  assert.equal(format.money("-7.9500"), "-7.95");
  assert.equal(format.count(99_999), "99,999");
  assert.equal(format.count(1_234_567), "1.23M");
  assert.equal(format.exact(1_234_567), "1,234,567");
  assert.equal(format.signed(-29), "−29");
  assert.equal(format.day("2011-12-10"), "Dec 10, 2011");
  assert.equal(format.span(-5000), "0 s");
  assert.equal(format.span(40 * 3_600_000), "40 h");
  assert.deepEqual([0, -3, 38.4, 999, 1000, 2540, 12_000].map(format.lag).map(plain), ["0 ms", "0 ms", "38 ms", "999 ms", "1.0 s", "2.5 s", "12 s"]);
  for (const write of [format.exact, format.count, format.money, format.decimal1, format.percent, format.day, format.dateTime, format.lag, format.rate, format.signed]) assert.equal(write(null), "–");
});

test("order ring: bounded, newest first, what is known is dropped, gaps stay where they were", () => {
  const ring = createOrderRing(3);
  const order = (key) => ({ key: String(key) });
  assert.equal(ring.add([1, 2, 2, 1].map(order)), 2);
  ring.addGap({ missed: 4 });
  assert.equal(ring.add([2, 3].map(order)), 1);
  assert.deepEqual(ring.newest(9).map((entry) => entry.key ?? "gap"), ["3", "gap", "2"]);
  // The first one fell out of the ring, and may come again.
  assert.equal(ring.add([order(1)]), 1);
  assert.equal(ring.length, 3);
  assert.equal(ring.added, 4);
  ring.clear();
  assert.deepEqual(ring.newest(9), []);
});

test("point index: finds what a search through all points finds", () => {
  const xs = Float32Array.from({ length: 400 }, (_, i) => (i * 97) % 700);
  const ys = Float32Array.from({ length: 400 }, (_, i) => (i * 61) % 380);
  xs[7] = NaN;
  const index = buildPointIndex(xs, ys);
  for (let at = 0; at < 300; at += 1) {
    const [x, y] = [(at * 37) % 720, (at * 53) % 400];
    const distance = (i) => Math.hypot(xs[i] - x, ys[i] - y);
    const naive = [...xs.keys()].filter((i) => distance(i) <= 20).map(distance).sort((a, b) => a - b)[0];
    const found = index.nearest(x, y);
    assert.equal(found < 0 ? undefined : distance(found), naive, `${x}, ${y}`);
  }
  assert.equal(index.within(0, 0, 800, 800).length, 399);
});
