/** @file The doctor's page: the operator's key, the report of a healthy server, that of a broken token, a phone. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Demo } from "./demo.mjs";
import { launch, open } from "./people.mjs";

const PHONE = { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true };
/** Signed by nobody that the server knows. */
const FOREIGN_TOKEN = ["eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", "eyJ1c2VyX2lkIjoiYW5hIiwiZXhwIjo0MTAyNDQ0ODAwfQ", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"].join(".");

let demo;
let browser;

before(async () => {
  [demo, browser] = await Promise.all([Demo.start(), launch()]);
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

/** A window on the page. */
async function consult(options) {
  const operator = await open(browser, `${demo.url}/console/doctor`, options);
  await operator.page.waitForSelector(".question");
  return operator;
}

/** Fills in the form and waits for what comes of it. */
async function ask({ page }, { key = demo.about.operator_key, ...fields }) {
  for (const [name, value] of Object.entries({ key, ...fields })) await page.fill(`[name=${name}]`, value);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".report, .refusal");
}

test("a healthy server, in both languages", async () => {
  const operator = await consult();
  const { page } = operator;
  await ask(operator, { chat: demo.about.chat, user: "ana" });
  await page.waitForSelector(".report.is-good");
  assert.equal(await page.textContent(".verdict h2"), "Healthy");
  assert.match(await page.textContent(".sentence"), /stays open; nothing that was looked at is wrong/);
  assert.match(await page.textContent(".report-foot"), /took [\d.]+ s/);
  const steps = await page.$$eval(".step h3", (all) => all.map(({ textContent }) => textContent));
  for (const step of ["Server and listener", "Handshake, hop by hop", "Token, chat and database"]) assert.ok(steps.includes(step), `${step}: ${steps}`);
  assert.equal(await page.locator(".line.is-fault").count(), 0);
  await operator.picture("doctor-healthy");
  await page.click(".languages [lang=es]");
  await page.waitForFunction(() => document.querySelector(".report.is-good h2")?.textContent === "Todo bien");
  assert.match(await page.textContent(".sentence"), /nada de lo que se miró está mal/);
  assert.match(await page.textContent(".report-foot"), /tardó [\d,]+ s/);
  assert.equal(await page.getAttribute("html", "lang"), "es");
  assert.equal(await page.inputValue("[name=chat]"), demo.about.chat, "what was typed survives");
  await operator.leave();
});

test("a token that nobody here signed: the cause, its evidence, its fix to copy", async () => {
  const operator = await consult();
  const { page } = operator;
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: demo.url });
  await ask(operator, { chat: demo.about.chat, token: FOREIGN_TOKEN });
  await page.waitForSelector(".report.is-fault");
  assert.equal(await page.textContent(".verdict .cause-id"), "token_invalid");
  assert.match(await page.textContent(".verdict .certainty"), /^(certain|likely)$/);
  assert.ok((await page.locator(".verdict .facts-seen li").count()) > 0);
  const fix = page.locator(".verdict .copyable").first();
  await fix.getByRole("button", { name: "Copy" }).click();
  await fix.getByRole("button", { name: "Copied" }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await fix.locator("code").textContent());
  const shown = await page.textContent(".report");
  assert.ok(!shown.includes(FOREIGN_TOKEN) && !shown.includes(demo.about.operator_key), "no secret in the report");
  assert.ok(!page.url().includes("charla_"));
  await operator.picture("doctor-token-invalid");
  const documented = await page.request.get(await page.evaluate(() => document.querySelector(".verdict .cause-id").href));
  assert.equal(documented.status(), 200);
  await operator.leave();
});

test("a key that nobody made", async () => {
  const operator = await consult({ locale: "es-ES" });
  const { page } = operator;
  await ask(operator, { key: "charla_wrong" });
  assert.match(await page.textContent(".refusal"), /no conoce esa clave/);
  await operator.picture("doctor-wrong-key");
  await operator.leave();
});

test("on a phone nothing sticks out, and everything has a name", async () => {
  const operator = await consult({ ...PHONE, colorScheme: "dark" });
  const { page } = operator;
  await ask(operator, { chat: "no-such-chat", user: "ana" });
  await page.waitForSelector(".report");
  for (const folded of await page.locator(".report details").all()) await folded.evaluate((details) => (details.open = true));
  const [wide, inner] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= inner, `${wide} px in a window of ${inner}`);
  const nameless = await page.$$eval("button, a[href], input", (all) => all.filter((each) => !(each.getAttribute("aria-label") || each.textContent.trim() || each.labels?.length)).map((each) => each.outerHTML));
  assert.deepEqual(nameless, []);
  await operator.picture("doctor-phone");
  await operator.leave();
});
