/** @file The page of loops: the operator's key, nobody, then a client in a loop, on a phone too. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Demo } from "./demo.mjs";
import { launch, open } from "./people.mjs";

const PHONE = { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true };

let demo;
let browser;

before(async () => {
  [demo, browser] = await Promise.all([Demo.start({}, { limited: true }), launch()]);
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

async function look({ page }, key = demo.about.operator_key) {
  await page.fill("[name=key]", key);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".list, .looking, .refusal");
}

/**
 * A client of somebody's own that never gives up: how its socket is refused in the end. It asks over plain HTTP before: browsers
 * slow down sockets that fail.
 */
function loop(page, times) {
  return page.evaluate(async (times) => {
    const question = "/ws/chat/no-such-chat/?token=garbage";
    for (let n = 0; n < times; n += 1) await fetch(question);
    return new Promise((resolve) => {
      const socket = new WebSocket(`${location.origin.replace("http", "ws")}${question}`);
      socket.addEventListener("close", (event) => resolve(event.reason));
    });
  }, times);
}

test("nobody, then a client in a loop, in both languages", async () => {
  const operator = await open(browser, `${demo.url}/console/loops`);
  const { page } = operator;
  await look(operator);
  assert.match(await page.textContent(".looking"), /nobody repeats/);
  assert.match(await loop(page, 25), /^loop_detected: retry in \d+ ms; token_malformed 2\d times in the last minute$/);
  await page.getByRole("button", { name: "Look again" }).click();
  await page.waitForSelector(".list");
  const row = page.locator(".list .is-bad");
  assert.equal(await row.count(), 1);
  assert.match(await row.textContent(), /token_malformed.*2\d.*wait number 1/s);
  assert.equal(await row.locator(".cause-id").getAttribute("href"), "/docs/causes/token_malformed?lang=en");
  assert.ok(!(await page.textContent("body")).includes("garbage"), "no token on the page");
  await operator.picture("loops");
  await page.click(".languages [lang=es]");
  assert.match(await page.textContent(".list .is-bad"), /espera número 1/);
  await operator.leave();
});

test("a key that nobody made, on a phone", async () => {
  const operator = await open(browser, `${demo.url}/console/loops`, { ...PHONE, locale: "es-ES", colorScheme: "dark" });
  const { page } = operator;
  await look(operator, "charla_wrong");
  assert.match(await page.textContent(".refusal"), /no conoce esa clave/);
  await page.fill("[name=key]", demo.about.operator_key);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".list");
  const [wide, inner] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= inner, `${wide} px in a window of ${inner}`);
  await operator.picture("loops-phone");
  await operator.leave();
});
