/** @file The page of tenants: figures against what was done, a limit changed and heeded by real connections, and who may not change it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Demo } from "./demo.mjs";
import { launch, open } from "./people.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
const WIDE = { viewport: { width: 1280, height: 1000 } };
const LIMIT = "connections_per_tenant";

let demo;
let browser;
/** A page of the same server's, whose sockets are the tenant's people. */
let people;
const sockets = [];

before(async () => {
  const settings = {
    [`limits.${LIMIT}`]: "3",
    "limits.bytes_per_day_per_tenant": "1MiB",
    "server.trusted_proxies": "127.0.0.1/32",
    "console.user_header": "X-User",
    "console.changers": "ana@example.org",
  };
  [demo, browser] = await Promise.all([Demo.start(settings), launch()]);
  people = await (await browser.newContext()).newPage();
  await people.goto(`${demo.url}/api/v1/docs`);
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

/** One socket: let in, or what it was closed with. */
async function socket() {
  const address = `${demo.url.replace("http", "ws")}/ws/chat/${demo.about.chat}/?token=${demo.about.users[0].token}`;
  const one = await people.evaluateHandle(
    (address) =>
      new Promise((resolve) => {
        const socket = new WebSocket(address, ["charla.v1"]);
        socket.addEventListener("message", ({ data }) => JSON.parse(data).type === "subscribed" && resolve({ socket, reason: "" }));
        socket.addEventListener("close", ({ code, reason }) => resolve({ socket, reason: `${code} ${reason}` }));
      }),
    address,
  );
  const reason = await one.evaluate(({ reason }) => reason);
  if (reason === "") sockets.push(one);
  return reason;
}

/** Waits, without asking, until the tenant's row has this text in a place of it. */
async function shows(page, place, text) {
  const row = `[data-tenant="${demo.about.tenant}"]`;
  await page.waitForFunction(([selector, text]) => document.querySelector(selector)?.textContent.includes(text), [`${row} ${place}`, text]);
}

const limitRow = (page) => page.locator(`[data-limit=${LIMIT}]`);
const value = (page) => limitRow(page).locator("[data-value]").getAttribute("data-value");

/** Types a figure for the limit, and says yes. */
async function set(page, figure) {
  const form = limitRow(page).locator(".limit-form");
  if ((await form.count()) === 0) await limitRow(page).getByRole("button").first().click();
  await form.locator("input").fill(figure);
  await page.keyboard.press("Enter");
  await page.locator("dialog .danger").click();
  await page.waitForSelector("dialog", { state: "detached" });
}

/** What the server itself says over the API, with the operator's key. */
const truth = async () => demo.call(demo.about.operator_key, `/api/v1/tenants/${demo.about.tenant}/limits`);

test("each figure is what was done, and is the API's", async () => {
  const operator = await open(browser, `${demo.url}/console/tenants`, WIDE);
  const { page } = operator;
  await page.waitForSelector(".state.is-live");
  for (const n of [1, 2, 3]) {
    assert.equal(await socket(), "");
    await shows(page, "[data-column=connections]", String(n));
    await shows(page, `[data-use=${LIMIT}]`, `${n} of 3 used`);
  }
  for (const n of [1, 2]) {
    assert.match(await socket(), new RegExp(`^4429 too_many_connections: .*limits\\.${LIMIT} = 3`));
    await shows(page, `[data-refused=${LIMIT}]`, String(n));
  }
  const text = "x".repeat(1000);
  for (let i = 0; i < 3; i += 1) await demo.call(demo.about.users[0].token, `/api/v1/chats/${demo.about.chat}/messages`, "POST", { text });
  await shows(page, "[data-column=messages]", "3");
  await shows(page, "[data-use=bytes_per_day_per_tenant]", "2.9 KiB of 1 MiB used");
  const { limits } = await truth();
  assert.deepEqual([limits[LIMIT].used, limits[LIMIT].of, limits[LIMIT].refused], [3, 3, 2]);
  assert.ok(limits.bytes_per_day_per_tenant.used > 2_900 && limits.bytes_per_day_per_tenant.used <= 3_000, JSON.stringify(limits.bytes_per_day_per_tenant));
  const { chats } = await demo.call(demo.about.operator_key, `/api/v1/chats?tenant=${demo.about.tenant}`);
  assert.equal(limits.chats_per_tenant.used, chats.length);
  const metrics = await (await fetch(`${demo.url}/metrics`)).text();
  assert.match(metrics, new RegExp(`charla_limits_reached_total\\{limit="${LIMIT}"\\} 2`));
  await operator.leave();
});

test("a limit is raised and heeded by a connection that was refused, lowered, and taken back", async () => {
  const operator = await open(browser, `${demo.url}/console/tenants`, WIDE);
  const { page } = operator;
  await page.locator(`[data-tenant="${demo.about.tenant}"] .as-link`).click();
  await page.waitForSelector(`[data-limit=${LIMIT}]`);
  assert.equal(new URL(page.url()).search, `?tenant=${demo.about.tenant}`);
  assert.match(await limitRow(page).textContent(), /3 of 3 used.*2 refused in the last hour/s);
  assert.match(await limitRow(page).textContent(), /for all · --set limits\.connections_per_tenant/);
  await set(page, "many");
  assert.match(await limitRow(page).locator(".limit-trouble").textContent(), /cannot be "many"; allowed: 0 to/);
  assert.equal(await limitRow(page).locator("input").getAttribute("aria-invalid"), "true");
  assert.match(await socket(), /too_many_connections/, "nothing has changed");
  await operator.picture("limits-refused");
  await page.click(".languages [lang=es]");
  await page.waitForSelector(`[data-limit=${LIMIT}]`);
  await set(page, "muchas");
  assert.match(await limitRow(page).locator(".limit-trouble").textContent(), /no puede ser "muchas"; se permite: de 0 a/);
  await page.click(".languages [lang=en]");

  await set(page, "4");
  assert.match(await page.textContent(".said"), new RegExp(`${LIMIT} is 4 now, on all nodes`));
  assert.equal(await socket(), "", "there is room for one more");
  assert.match(await socket(), /too_many_connections.* = 4/);
  await page.waitForFunction(() => document.querySelector("[data-limit=connections_per_tenant] .used")?.textContent.includes("4 of 4"));
  assert.match(await limitRow(page).textContent(), /its own · set here or over the API/);
  assert.match(demo.log(), new RegExp(`charla::audit.*an operator acts.*${LIMIT} = "4" for ${demo.about.tenant}, was 3`));
  await page.evaluate(() => scrollTo(0, 0));
  await operator.picture("limits");

  // Somebody else changes it elsewhere: the page shows it without being asked.
  await demo.call(demo.about.operator_key, `/api/v1/tenants/${demo.about.tenant}/limits`, "PATCH", { [LIMIT]: 9 });
  await page.waitForFunction(() => document.querySelector("[data-limit=connections_per_tenant] [data-value]")?.dataset.value === "9");
  assert.equal(await socket(), "");
  await limitRow(page).getByRole("button", { name: `Take ${LIMIT} back` }).click();
  await page.locator("dialog .danger").click();
  await page.waitForFunction(() => document.querySelector("[data-limit=connections_per_tenant] [data-value]")?.dataset.value === "3");
  assert.match(await socket(), /too_many_connections.* = 3/);
  assert.equal((await truth()).limits[LIMIT].own, false);
  await operator.leave();
});

test("those for all are changed too, and nothing changes without a yes", async () => {
  const operator = await open(browser, `${demo.url}/console/tenants`, WIDE);
  const { page } = operator;
  await page.waitForSelector("[data-limit=returns_per_second]");
  await page.getByRole("button", { name: `Change ${LIMIT}` }).click();
  const most = String(sockets.length + 1);
  await limitRow(page).locator("input").fill(most);
  await page.keyboard.press("Enter");
  assert.match(await page.textContent("dialog"), new RegExp(`Change ${LIMIT} of all tenants\\?.*From 3 to ${most}.*written into the log`, "s"));
  await page.getByRole("button", { name: "Cancel" }).click();
  assert.equal((await truth()).limits[LIMIT].value, 3);
  await set(page, most);
  assert.equal(await value(page), most);
  assert.equal(await socket(), "");
  assert.match(await socket(), new RegExp(`too_many_connections.* = ${most}`));
  assert.match(demo.log(), new RegExp(`charla::audit.*${LIMIT} = "${most}" for all, was 3`));
  await operator.leave();
});

test("who may only look sees it all, and changes nothing", async () => {
  const viewer = await open(browser, `${demo.url}/console/tenants?tenant=${demo.about.tenant}`, { ...WIDE, extraHTTPHeaders: { "x-user": "eve@example.org" } });
  const { page } = viewer;
  await page.waitForSelector(`[data-limit=${LIMIT}]`);
  assert.match(await page.textContent(".only-look"), /You may look, and not change/);
  assert.equal(await page.locator(".limits button").count(), 0);
  const statuses = await page.evaluate(async (tenant) => {
    const headers = { "charla-console": "1", "content-type": "application/json" };
    const asks = [`/api/v1/tenants/${tenant}/limits`, "/api/v1/limits"].map((path) => fetch(path, { method: "PATCH", headers, body: '{"subscriptions":7}' }));
    return (await Promise.all(asks)).map(({ status }) => status);
  }, demo.about.tenant);
  assert.deepEqual(statuses, [403, 403]);
  assert.equal((await truth()).limits.subscriptions.value, 128);
  assert.match(demo.log(), /charla::audit.*eve@example\.org.*refused.*PATCH \/api\/v1\/limits/);
  await viewer.leave();

  const changer = await open(browser, `${demo.url}/console/tenants?tenant=${demo.about.tenant}`, { ...WIDE, extraHTTPHeaders: { "x-user": "ana@example.org" } });
  await changer.page.waitForSelector(`[data-limit=${LIMIT}]`);
  await set(changer.page, "7");
  assert.equal((await truth()).limits[LIMIT].value, 7);
  assert.match(demo.log(), /charla::audit.*ana@example\.org.*limit/);
  await changer.leave();
});

test("every limit has words in both languages, and a phone has room for them", async () => {
  const operator = await open(browser, `${demo.url}/console/tenants?tenant=${demo.about.tenant}`, { ...PHONE, locale: "es-ES", colorScheme: "dark" });
  const { page } = operator;
  await page.waitForSelector(`[data-limit=${LIMIT}]`);
  const { limits } = await demo.call(demo.about.operator_key, "/api/v1/limits");
  const wordless = await page.evaluate(async (names) => {
    const [{ meaning }, { setLanguage }] = await Promise.all([import("/assets/web/console/limits-words.js"), import("/assets/web/page/words.js")]);
    const missing = ["en", "es"].flatMap((tag) => (setLanguage(tag), names.filter((name) => !meaning(name, null))));
    return missing;
  }, Object.keys(limits));
  assert.deepEqual(wordless, []);
  assert.match(await page.textContent("main"), /Compartidos por la gente del tenant/);
  const { width, overflow } = await page.evaluate(() => ({ width: innerWidth, overflow: document.documentElement.scrollWidth }));
  assert.ok(overflow <= width, `${overflow} > ${width}`);
  await operator.picture("limits-phone");
  await page.locator("#limits").scrollIntoViewIfNeeded();
  await page.evaluate(() => document.querySelector("#limits").scrollIntoView());
  await operator.picture("limits-phone-panel");
  await operator.leave();
});
