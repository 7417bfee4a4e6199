/** @file The page of webhooks: an endpoint that refuses, what was given up, sent again and thrown away; in both languages, on a phone too. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { Demo } from "./demo.mjs";
import { launch, open } from "./people.mjs";

const PHONE = { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true };

let demo;
let browser;
let endpoint;
/** What the endpoint answers, and what it took. */
let status = 500;
const taken = [];

before(async () => {
  [demo, browser] = await Promise.all([Demo.start({ "webhooks.attempts": "1" }), launch()]);
  endpoint = createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      response.writeHead(status).end();
      if (status === 200) taken.push(JSON.parse(Buffer.concat(parts)));
    });
  }).listen(0, "127.0.0.1");
  await once(endpoint, "listening");
});

after(async () => {
  await browser?.close();
  await demo?.stop();
  endpoint?.closeAllConnections();
  endpoint?.close();
});

async function look({ page }) {
  await page.fill("[name=key]", demo.about.operator_key);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".list, .refusal");
}

/** Looks again until so many were given up. */
async function letters(page, count) {
  for (;;) {
    if ((await page.locator("[data-letter]").count()) === count) return page.locator("[data-letter]");
    const answered = page.waitForResponse((response) => response.url().endsWith("/api/v1/webhooks"));
    await page.getByRole("button", { name: /Look again|Volver a mirar/ }).click();
    await answered;
  }
}

test("what an endpoint refused is shown, sent again and thrown away", async () => {
  const { operator_key: key, tenant, chat } = demo.about;
  await demo.call(key, `/api/v1/tenants/${tenant}/webhooks`, "POST", { url: `http://127.0.0.1:${endpoint.address().port}/events`, events: ["chat.closed", "chat.reopened"] });
  const operator = await open(browser, `${demo.url}/console/webhooks`);
  const { page } = operator;
  await look(operator);
  assert.match(await page.textContent(".list"), /Nothing was given up/);
  await demo.call(key, `/api/v1/chats/${chat}/close?tenant=${tenant}`, "POST");
  await demo.call(key, `/api/v1/chats/${chat}/reopen?tenant=${tenant}`, "POST");
  const rows = await letters(page, 2);
  assert.match(await rows.first().textContent(), /chat\.reopened.*answered 500 Internal Server Error.*1/s);
  assert.ok(!(await page.textContent("body")).includes("whsec_"), "no secret on the page");
  await operator.picture("webhooks");
  status = 200;
  await rows.last().getByRole("button", { name: /^Try / }).click();
  await letters(page, 1);
  assert.equal(await page.locator("[data-letter]").count(), 1);
  await page.click(".languages [lang=es]");
  const remove = page.getByRole("button", { name: /^Descartar / });
  await remove.click();
  assert.match(await remove.textContent(), /de verdad/);
  await remove.click();
  await letters(page, 0);
  assert.match(await page.textContent(".list"), /No se ha renunciado a nada/);
  assert.deepEqual(taken.map(({ type, data }) => [type, data.chat]), [["chat.closed", chat]]);
  await operator.leave();
});

test("on a phone, in the dark, the page keeps its width", async () => {
  const operator = await open(browser, `${demo.url}/console/webhooks`, { ...PHONE, locale: "es-ES", colorScheme: "dark" });
  const { page } = operator;
  await look(operator);
  assert.match(await page.textContent(".list"), /creado por la API/);
  const [wide, inner] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= inner, `${wide} px in a window of ${inner}`);
  await operator.picture("webhooks-phone");
  await operator.leave();
});
