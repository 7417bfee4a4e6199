/** @file The page of nodes: two that hear each other, the bus pulled from under them, and back, in both languages. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { soon } from "../clients/lab.mjs";
import { freePort } from "../proxy/nginx.mjs";
import { Demo } from "./demo.mjs";
import { launch, open } from "./people.mjs";

const PHONE = { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true };

/** A Redis without a file on the disk. */
class Redis {
  static async start() {
    const redis = new Redis();
    redis.port = await freePort();
    await redis.up();
    return redis;
  }

  async up() {
    this.child = spawn("redis-server", ["--port", String(this.port), "--bind", "127.0.0.1", "--save", ""], { stdio: "ignore" });
    assert.ok(await soon(() => this.#answers(), Boolean), "redis-server does not start");
  }

  async #answers() {
    const socket = connect(this.port, "127.0.0.1");
    const answers = await once(socket, "connect").then(() => true, () => false);
    socket.destroy();
    return answers;
  }

  async down() {
    const ended = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await ended;
  }
}

let redis;
let demos = [];
let browser;

before(async () => {
  redis = await Redis.start();
  const settings = { "broker.url": `redis://127.0.0.1:${redis.port}` };
  [browser, ...demos] = await Promise.all([launch(), Demo.start(settings), Demo.start(settings)]);
});

after(async () => {
  await browser?.close();
  await Promise.all(demos.map((demo) => demo.stop()));
  await redis?.down();
});

/** Asks until the page says so. */
async function says(page, what) {
  const ask = async () => {
    await page.keyboard.press("Enter");
    await page.waitForSelector(".list, .refusal");
    return page.textContent("main");
  };
  assert.match(await soon(ask, (text) => what.test(text)), what);
}

async function opened(options) {
  const operator = await open(browser, `${demos[0].url}/console/nodes`, options);
  await operator.page.fill("[name=key]", demos[0].about.operator_key);
  return operator;
}

test("two nodes, then no bus, then the bus again", async () => {
  const operator = await opened();
  const { page } = operator;
  await says(page, /The bus at redis:\/\/127\.0\.0\.1:\d+ has been alive since/);
  await says(page, /2 in all at /);
  const names = await page.locator("tbody strong").allTextContents();
  assert.deepEqual(names.map((name) => Number(name.split(":")[1])), demos.map((demo) => Number(new URL(demo.url).port)));
  assert.match(await page.locator("tbody tr").first().textContent(), /answers this page · Charla \d+\.\d+\.\d+.*answers/);
  await operator.picture("nodes");

  await redis.down();
  await says(page, /Degraded broker_unavailable.*has been away since.*nobody is cut, nothing is lost/s);
  assert.match(await page.locator("tbody tr").nth(1).textContent(), /cannot be heard now/);
  await operator.picture("nodes-degraded");
  await page.click(".languages [lang=es]");
  assert.match(await page.textContent("main"), /Degradado broker_unavailable.*no se corta a nadie/s);
  await page.click(".languages [lang=en]");

  await redis.up();
  await page.focus("[name=key]");
  await says(page, /has been alive since/);
  assert.equal(await page.locator("[role=alert]").count(), 0);
  assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 1, "the language alone is kept");
  await operator.leave();
});

test("fits a phone", async () => {
  const operator = await opened(PHONE);
  const { page } = operator;
  await says(page, /has been alive since/);
  const { width, overflow } = await page.evaluate(() => ({ width: innerWidth, overflow: document.documentElement.scrollWidth }));
  assert.ok(overflow <= width, `${overflow} > ${width}`);
  await operator.picture("nodes-phone");
  await operator.leave();
});
