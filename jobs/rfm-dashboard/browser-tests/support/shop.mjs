// The programs as a user runs them: batch -> warehouse; producer (with a broker in it) -> streaming -> dashboard. Real files, real sockets.

import { execFile, spawn } from "node:child_process";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { makeOrders, toCsv } from "./orders.mjs";
import { createTopic } from "./topic.mjs";
import { until } from "./until.mjs";

export const SNAPSHOTS = ["2011-11-10", "2011-12-10"];
export const TAGGED = "orders-tagged";
const ORDERS_PER_SECOND = 20;
const run = promisify(execFile);

export async function startShop() {
  const folder = await mkdtemp(join(tmpdir(), "rfm-browser-tests-"));
  const shop = new Shop(folder);
  try {
    await shop.start();
  } catch (error) {
    const logs = await shop.logs();
    await shop.stop();
    throw new Error(`${error.message}\n${logs}`, { cause: error });
  }
  return shop;
}

class Shop {
  #programs = [];
  lines = makeOrders();

  constructor(folder) {
    this.folder = folder;
    this.warehouse = join(folder, "warehouse");
  }

  async start() {
    await writeFile(join(this.folder, "orders.csv"), toCsv(this.lines));
    for (const date of SNAPSHOTS) await this.publish(date);
    const file = join(this.folder, "brokers");
    this.producer = await this.#spawn("order-producer", ["--embedded-broker", file, "--rate", ORDERS_PER_SECOND, "--customers", "240", "--quiet"]);
    await until("the embedded broker", async () => (this.brokers = (await readFile(file, "utf8").catch(() => "")).trim()));
    await createTopic(this.brokers, TAGGED);
    this.streaming = await this.#spawn("rfm-streaming", ["--warehouse", this.warehouse, "--brokers", this.brokers, "--set", `streaming.tagged_topic=${TAGGED}`, "--no-batches"]);
    this.port = await freePort();
    this.address = `http://127.0.0.1:${this.port}`;
    await this.startDashboard();
    await until("the first tagged order", async () => {
      for (const { name, child } of this.#programs) if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`);
      return (await json(`${this.address}/api/live`)).data.total > 0;
    }, 40_000);
  }

  /** Runs the batch job: one more snapshot. */
  async publish(date) {
    await this.batch(["--input", join(this.folder, "orders.csv"), "--snapshot-date", date, "--quiet"]);
  }

  /** `rfm-batch` to its end; answers what it printed. */
  async batch(args, warehouse = this.warehouse) {
    const { stdout } = await run(program("rfm-batch"), [...args, "--warehouse", warehouse], { cwd: this.folder, env: environment() });
    return stdout;
  }

  async startDashboard() {
    this.dashboard = await this.startAnotherDashboard(this.port, ["--warehouse", this.warehouse, "--brokers", this.brokers, "--topic", TAGGED, "--set", "dashboard.currency=GBP", "--set", "dashboard.refresh=1s"]);
  }

  /** A dashboard of its own on a port, with its own flags and variables. */
  async startAnotherDashboard(port, args, variables = {}) {
    const child = await this.#spawn("rfm-dashboard", ["--listen", `127.0.0.1:${port}`, ...args], variables);
    await until("the dashboard", async () => {
      if (child.exitCode !== null) throw new Error(`rfm-dashboard ended with ${child.exitCode}`);
      return (await fetch(`http://127.0.0.1:${port}/api/session`).catch(() => null))?.ok;
    });
    return child;
  }

  /** Sends the lines of a CSV file to the topic of orders, with the time of now. */
  async replay(csv) {
    const path = join(this.folder, `replay-${Date.now()}.csv`);
    await writeFile(path, csv);
    await run(program("order-producer"), ["--brokers", this.brokers, "--replay", path, "--speed-up", "max", "--shift-to-now", "--quiet"], { cwd: this.folder, env: environment() });
  }

  async #spawn(name, args, variables = {}) {
    const log = join(this.folder, `${name}-${this.#programs.length}.log`);
    const file = await open(log, "w");
    const child = spawn(program(name), args.map(String), { cwd: this.folder, env: { ...environment(), ...variables }, stdio: ["ignore", file.fd, file.fd] });
    child.on("error", () => {});
    await file.close();
    this.#programs.push({ name, child, log });
    return child;
  }

  async logs() {
    const texts = await Promise.all(this.#programs.map(async ({ name, log }) => `--- ${name}\n${(await readFile(log, "utf8").catch(() => "")).slice(-3000)}`));
    return texts.join("\n");
  }

  async stop() {
    for (const { child } of [...this.#programs].reverse()) await end(child);
    await rm(this.folder, { recursive: true, force: true });
  }
}

const program = (name) => join(process.env.RFM_BIN, name);

/** Without the settings of whoever runs the tests. */
function environment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(RFM_|HADOOP_|HIVE_|NODE_)/.test(name)));
}

export async function json(address) {
  return (await fetch(address)).json();
}

/** Ends a program in order; by force when it does not. */
export async function end(child, signal = "SIGTERM") {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  const force = setTimeout(() => child.kill("SIGKILL"), 8000);
  await ended;
  clearTimeout(force);
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
