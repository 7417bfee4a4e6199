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

test("a send waits for the connection, and Try now shortens the wait", async () => {
  await demo.down("SIGKILL");
  await ana.page.waitForSelector(".banner.is-waiting");
  await ana.say("stranded");
  await ana.last(".tick-clock").waitFor();
  await demo.up();
  await ana.page.getByRole("button", { name: "Try now" }).click();
  // Nobody hurries luis: his own next attempt may be half a minute away.
  await luis.page.waitForSelector(".frame[data-connection=connected]", { timeout: 60_000 });
  await luis.hears("stranded");
  await ana.last(".tick-clock").waitFor({ state: "detached" });
});

test("fifteen attempts, then it stops and says so; what was not sent is handed back and goes out on request", async () => {
  const late = await open(browser, demo.address("ana", `/?chat=${demo.about.chat}`), { clock: true });
  const { page } = late;
  await page.waitForSelector(".frame[data-connection=connected]");
  await page.clock.runFor(15_000);
  const before = await page.evaluate(() => globalThis.opened);
  await demo.down("SIGKILL");
  await page.waitForSelector(".frame[data-connection=waiting]");
  await late.say("kept");
  const stopped = page.locator(".banner.is-stopped");
  while (!(await stopped.isVisible())) {
    // The page's minutes pass at once; the network's milliseconds are real.
    await page.clock.fastForward(61_000);
    await page.waitForFunction(() => document.querySelector(".frame").dataset.connection !== "connecting");
  }
  assert.equal(await page.evaluate(() => globalThis.opened), before + 15);
  assert.match(await stopped.textContent(), /server_unreachable.*Tried 15 times/);
  assert.match(await late.last(".failure").textContent(), /Not sent/);
  await late.picture("gave-up");
  await page.clock.fastForward(86_400_000);
  assert.equal(await page.evaluate(() => globalThis.opened), before + 15, "a day later still the same");
  await demo.up();
  await late.last().getByRole("button", { name: "Try again" }).click();
  await late.last(":is(.tick-tick, .tick-ticks)").waitFor();
  const { messages } = await demo.api("luis", `/api/v1/chats/${demo.about.chat}/messages`);
  assert.equal(messages.at(-1).text, "kept");
  await late.leave();
});

test("nobody met an error", () => {
  ana.assertQuiet();
  luis.assertQuiet();
});
