/** @file What an app's back end and its operator do shows in the page: people, chats, notices, closing. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Demo } from "./demo.mjs";
import { launch, open } from "./people.mjs";

/** Names are as little to be trusted as texts. */
const EVIL_NAME = "<img src=x onerror=globalThis.pwned=1>";
const EVIL_TITLE = "</span><script>globalThis.pwned=1</script>";

let demo;
let browser;
let key;
let mallory;

before(async () => {
  [demo, browser] = await Promise.all([Demo.start(), launch()]);
  await demo.down("SIGTERM");
  await demo.command("user", "add", "mallory", "--name", EVIL_NAME);
  await demo.command("chat", "add", "evil", "--title", EVIL_TITLE);
  await demo.command("chat", "members", "add", "evil", "mallory", "ana");
  mallory = { token: (await demo.command("token", "issue", "mallory")).access };
  key = (await demo.command("key", "add", "tests")).secret;
  await demo.up();
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

test("names and titles that look like markup are text, wherever they stand", async () => {
  const ana = await open(browser, demo.address("ana", "/?chat=evil"));
  const other = await open(browser, demo.address("mallory", "/?chat=evil", mallory));
  await other.page.waitForSelector(".subtitle[data-kind=online]");
  await other.say("hola");
  await ana.hears("hola");
  assert.equal(await ana.last(".author").textContent(), EVIL_NAME);
  assert.equal(await ana.page.textContent(".chat-head h2"), EVIL_TITLE);
  assert.ok((await ana.page.textContent(".subtitle")).includes(EVIL_NAME));
  assert.ok((await ana.page.title()).startsWith(EVIL_TITLE));
  for (const { page } of [ana, other]) assert.equal(await page.evaluate(() => globalThis.pwned), undefined);
  await ana.leave();
  await other.leave();
});

test("somebody who is no member of the chat: 4403", async () => {
  const person = await open(browser, demo.address("mallory", `/?chat=${demo.about.chat}`, mallory));
  const problem = await person.problem();
  assert.deepEqual([problem.code, problem.cause], ["4403", "not_a_member"]);
  assert.ok(problem.closes.some(({ code }) => code === 4403));
  await person.leave();
});

test("a new chat turns up in the list, with its first message", async () => {
  const ana = await open(browser, demo.address("ana"));
  await ana.page.waitForSelector(".frame[data-connection=connected]");
  await demo.call(key, "/api/v1/chats/order-77", "PUT", { title: "Order 77" });
  await demo.call(key, "/api/v1/chats/order-77/members/ana", "PUT");
  await demo.call(key, "/api/v1/chats/order-77/messages", "POST", { author: "luis", text: "Has it arrived?" });
  const row = ana.page.locator("[data-chat='order-77']");
  await row.locator(".badge").waitFor();
  assert.match(await row.textContent(), /Order 77.*Luis: Has it arrived\?/);
  await row.click();
  await ana.hears("Has it arrived?");
  await ana.leave();
});

test("a closed chat can be read, and says who closed it and why; reopened, it takes words again", async () => {
  const chat = `/api/v1/chats/${demo.about.chat}`;
  const ana = await open(browser, demo.address("ana", `/?chat=${demo.about.chat}`));
  await ana.page.waitForSelector(".frame[data-connection=connected]");
  await ana.page.waitForSelector(".subtitle[data-kind=alone]");
  await demo.call(key, `${chat}/close`, "POST", { reason: "Solved" });
  await ana.page.waitForSelector(".closed-note:not([hidden])");
  assert.match(await ana.page.textContent(".closed-note"), /closed this chat\. Solved/);
  assert.ok(await ana.page.locator(".composer").isHidden());
  await demo.call(key, `${chat}/reopen`, "POST");
  await ana.page.waitForSelector(".closed-note", { state: "hidden" });
  await ana.say("thanks");
  await ana.last(".tick-tick").waitFor();
  await ana.leave();
});

test("a notification appears, and only a web address in it becomes a link", async () => {
  const ana = await open(browser, demo.address("ana"));
  await ana.page.waitForSelector(".frame[data-connection=connected]");
  const notify = (text, url) => demo.call(key, "/api/v1/users/ana/notifications", "POST", { kind: "info", text, url });
  await notify("Your invoice is ready", "/invoices/7");
  await ana.page.waitForSelector(".notice");
  assert.equal(await ana.page.getAttribute(".notice a", "href"), `${demo.url}/invoices/7`);
  // The server may refuse such an address; where it does not, the page must not make a link of it.
  const accepted = await notify("<b>Click</b>", "javascript:globalThis.pwned=1").then(() => true, () => false);
  if (accepted) await ana.page.getByText("<b>Click</b>").waitFor();
  assert.equal(await ana.page.locator(".notice b, .notice a[href^=javascript]").count(), 0);
  await ana.page.getByRole("button", { name: "Close this notice" }).first().click();
  await ana.leave();
});
