/** @file The server dies and comes back while people write: nothing is lost, nothing comes twice. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Demo } from "./demo.mjs";
import { launch, open } from "./people.mjs";

let demo;
let browser;
let ana;
let luis;

before(async () => {
  [demo, browser] = await Promise.all([Demo.start(), launch()]);
  const chat = `/?chat=${demo.about.chat}`;
  [ana, luis] = await Promise.all([open(browser, demo.address("ana", chat)), open(browser, demo.address("luis", chat))]);
  await Promise.all([ana, luis].map(({ page }) => page.waitForSelector(".subtitle[data-kind=online]")));
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

test("killed and started again: what was written meanwhile arrives once, in order", async () => {
  await ana.say("before");
  await luis.hears("before");
  await demo.down("SIGKILL");
  await ana.page.waitForSelector(".banner.is-waiting");
  assert.match(await ana.page.textContent(".banner"), /Next attempt in|Trying now/);
  await ana.picture("reconnecting");
  for (const text of ["one", "two", "three"]) await ana.say(text);
  await ana.page.waitForSelector(".message:last-child .tick-clock");
  await demo.up();
  for (const { page } of [ana, luis]) await page.waitForSelector(".frame[data-connection=connected]", { timeout: 60_000 });
  await luis.hears("three");
  await luis.say("after");
  await ana.hears("after");
  for (const person of [ana, luis]) assert.deepEqual((await person.texts()).slice(-5), ["before", "one", "two", "three", "after"]);
});

test("an announced restart is said by its name, and the way back needs nobody", async () => {
  await demo.down("SIGTERM");
  await luis.page.waitForSelector(".banner.is-waiting");
  const codes = await luis.page.evaluate(() => globalThis.closes.map(({ code, reason }) => `${code} ${reason}`));
  assert.ok(codes.some((close) => /^(1012 restarting|1001 going_away)/.test(close)), codes.join("\n"));
  await demo.up();
  await luis.page.waitForSelector(".frame[data-connection=connected]", { timeout: 60_000 });
  await luis.page.waitForSelector(".banner", { state: "hidden" });
});

test("a send that was refused waits with its reason and goes out on request", async () => {
  await demo.down("SIGKILL");
  await ana.page.waitForSelector(".banner.is-waiting");
  // The page's own limit is minutes away: ask the client to give up instead.
  await ana.say("stranded");
  await ana.last(".tick-clock").waitFor();
  await demo.up();
  await ana.page.getByRole("button", { name: "Try now" }).click();
  // Nobody hurries luis: his own next attempt may be half a minute away.
  await luis.page.waitForSelector(".frame[data-connection=connected]", { timeout: 60_000 });
  await luis.hears("stranded");
  await ana.last(".tick-clock").waitFor({ state: "detached" });
});

test("nobody met an error", () => {
  ana.assertQuiet();
  luis.assertQuiet();
});
