// All flows, one after the other, on one set of programs and one browser: starting them is what costs.

import { after, before, describe } from "node:test";

import { access } from "./flows/access.mjs";
import { customer } from "./flows/customer.mjs";
import { live } from "./flows/live.mjs";
import { overview } from "./flows/overview.mjs";
import { signIn } from "./flows/sign-in.mjs";
import { waiting } from "./flows/waiting.mjs";
import { openBrowser } from "./support/browser.mjs";
import { startShop } from "./support/shop.mjs";

/** What the flows share: {shop, browser}. Filled before the first of them. */
const stage = {};

describe("the dashboard in a browser", { concurrency: false, timeout: 600_000 }, () => {
  before(async () => {
    stage.shop = await startShop();
    stage.browser = await openBrowser();
  });
  after(async () => {
    await stage.browser?.close();
    await stage.shop?.stop();
  });
  overview(stage);
  customer(stage);
  live(stage);
  access(stage);
  signIn(stage);
  waiting(stage);
});
