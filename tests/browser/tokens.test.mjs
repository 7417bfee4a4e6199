/** @file Tokens run out while people chat: renewed in time nobody notices, and without renewal everybody is told. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Demo } from "./demo.mjs";
import { launch, open } from "./people.mjs";

let browser;

before(async () => {
  browser = await launch();
});

after(() => browser?.close());

test("a token about to run out is renewed over the same connection", async (t) => {
  // The server warns a minute before the end: with these, at once.
  const demo = await Demo.start({ "auth.access_ttl": "61s" });
  t.after(() => demo.stop());
  const ana = await open(browser, demo.address("ana", `/?chat=${demo.about.chat}`));
  // The page signs in by itself first, so there is no token in its first moment.
  const held = () => JSON.parse(sessionStorage.getItem("charla.session"))?.access;
  const first = await (await ana.page.waitForFunction(held)).jsonValue();
  await ana.page.waitForFunction((old) => JSON.parse(sessionStorage.getItem("charla.session"))?.access !== old, first);
  await ana.say("still here");
  await ana.last(".tick-tick").waitFor();
  assert.deepEqual(await ana.page.evaluate(() => globalThis.closes), []);
  await ana.leave();
});

test("a token that ran out and cannot be renewed: 4401, and the way to the door", async (t) => {
  const demo = await Demo.start({ "auth.access_ttl": "1s", "auth.leeway": "0s" });
  t.after(() => demo.stop());
  const { token } = demo.user("ana");
  const { exp } = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
  const ana = await open(browser, demo.url);
  await ana.page.waitForFunction((end) => Date.now() > end, exp * 1_000 + 1_000);
  await ana.page.goto(demo.address("ana", "/?chat=5", { token }));
  const problem = await ana.problem();
  assert.deepEqual([problem.code, problem.cause], ["4401", "token_expired"]);
  assert.ok(problem.closes.every(({ code }) => code === 4401));
  await ana.page.getByRole("button", { name: "Sign in again" }).click();
  await ana.page.waitForSelector(".door");
  await ana.leave();
});

test("with a refresh token the same is mended before anybody sees it", async (t) => {
  const demo = await Demo.start({ "auth.leeway": "0s" });
  t.after(() => demo.stop());
  const ana = await open(browser, demo.url);
  const { refresh } = demo.user("ana");
  // Not a token at all: the server refuses it, the client fetches another.
  await ana.page.goto(demo.address("ana", "/?chat=5", { token: "e30.e30.e30", refresh }));
  await ana.page.waitForSelector(".frame[data-connection=connected]");
  const codes = await ana.page.evaluate(() => globalThis.closes.map(({ code }) => code));
  assert.ok(codes.length > 0 && codes.every((code) => code === 4401), codes.join());
  await ana.say("mended");
  await ana.last(".tick-tick").waitFor();
  await ana.leave();
});
