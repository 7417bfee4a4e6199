/** @file The operator's console: three nodes under a small load, every figure on the page against what was done to them. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { soon } from "../clients/lab.mjs";
import { freePort } from "../proxy/nginx.mjs";
import { Demo } from "./demo.mjs";
import { launch, open } from "./people.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
/** Not one of ours: its signature is nobody's. */
const BAD = ["eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", "eyJ0b2tlbl90eXBlIjoiYWNjZXNzIn0", "c2lnbmF0dXJlLW9mLW5vYm9keQ"].join(".");

let redis;
let demos = [];
let browser;
/** What was done, for the page to show. */
const done = { invalid: 0, nowhere: 0, left: 0, restarting: 0, messages: 0 };
const sockets = [];

before(async () => {
  const port = await freePort();
  redis = spawn("redis-server", ["--port", String(port), "--bind", "127.0.0.1", "--save", ""], { stdio: "ignore" });
  const answers = async () => {
    const socket = connect(port, "127.0.0.1");
    const is = await once(socket, "connect").then(() => true, () => false);
    socket.destroy();
    return is;
  };
  assert.ok(await soon(answers, Boolean), "redis-server does not start");
  const settings = { "broker.url": `redis://127.0.0.1:${port}` };
  [browser, ...demos] = await Promise.all([launch(), Demo.start(settings), Demo.start(settings), Demo.start(settings)]);
  await load();
});

after(async () => {
  await browser?.close();
  await Promise.all(demos.map((demo) => demo.stop()));
  const ended = once(redis, "exit");
  redis.kill("SIGKILL");
  await ended;
});

/** One socket of somebody, let in or not, from a page of the same server. Its last word comes with the promise `reason`. */
async function socket(demo, { token, chat }) {
  return demo.page.evaluateHandle(
    ({ address }) =>
      new Promise((resolve) => {
        const socket = new WebSocket(address, ["charla.v1"]);
        const one = { socket, reason: new Promise((ended) => socket.addEventListener("close", (event) => ended(event.reason))) };
        socket.addEventListener("message", ({ data }) => JSON.parse(data).type === "subscribed" && resolve(one));
        socket.addEventListener("close", () => resolve(one));
      }),
    { address: `${demo.url.replace("http", "ws")}/ws/chat/${chat}/?token=${token}` },
  );
}

const reason = (one) => one.evaluate(({ reason }) => reason);

/** Two stay on each node, one comes and goes, some are refused, and somebody speaks. */
async function load() {
  const context = await browser.newContext();
  for (const [n, demo] of demos.entries()) {
    const chat = demo.about.chat;
    demo.page = await context.newPage();
    await demo.page.goto(`${demo.url}/api/v1/docs`);
    for (let i = 0; i <= n; i += 1) {
      assert.match(await reason(await socket(demo, { token: BAD, chat })), /^token_/);
      done.invalid += 1;
    }
    assert.match(await reason(await socket(demo, { token: demo.about.users[0].token, chat: "nowhere" })), /^chat_not_found/);
    done.nowhere += 1;
    for (const user of demo.about.users.slice(0, 2)) {
      const one = await socket(demo, { token: user.token, chat });
      sockets.push({ demo, user: user.id, one });
    }
    const leaves = await socket(demo, { token: demo.about.users[0].token, chat });
    await leaves.evaluate(({ socket, reason }) => (socket.close(), reason));
    done.left += 1;
    for (let i = 0; i < 3; i += 1) {
      await demo.call(demo.about.users[0].token, `/api/v1/chats/${chat}/messages`, "POST", { text: `message ${i}` });
      done.messages += 1;
    }
  }
}

/** Waits, without asking, until the page shows it. */
async function shows(page, wanted) {
  const all = (wanted) => Object.entries(wanted).every(([name, value]) => document.querySelector(`[data-figure=${name}]`)?.textContent === String(value));
  await page.waitForFunction(all, wanted).catch(async () => {
    const seen = await page.$$eval("[data-figure]", (figures) => figures.map(({ dataset, textContent }) => [dataset.figure, Number(textContent)]));
    assert.deepEqual(Object.fromEntries(seen.filter(([name]) => name in wanted)), wanted);
  });
}

/** Waits, without asking, until the open table of the messages adds up to this. */
async function messagesShown(page, wanted) {
  const sum = (wanted) => [...document.querySelectorAll(".charts .chart:nth-child(2) tbody .number")].reduce((sum, cell) => sum + Number(cell.textContent), 0) === wanted;
  await page.waitForFunction(sum, wanted);
}

/** What a chart says at each of its bars, by the keyboard, as its table has it. */
async function table(page, n) {
  const chart = page.locator(".chart").nth(n);
  await chart.locator("summary").click();
  // Drawn when it is opened, and anew whenever something happens: waited for, and read at one moment.
  await chart.locator("tbody tr").first().waitFor();
  const [heads, rows] = await chart.evaluate((chart) => {
    const texts = (cells) => [...cells].map((cell) => cell.textContent);
    return [texts(chart.querySelectorAll("th")), [...chart.querySelectorAll("tbody tr")].map((row) => texts(row.cells))];
  });
  await chart.locator("summary").click();
  return heads.map((head, column) => [head, rows.map((row) => row[column])]);
}

const sumOf = (columns, name) => columns.find(([head]) => head === name)[1].reduce((sum, count) => sum + Number(count), 0);

test("three nodes: every figure is what was done", async () => {
  const operator = await open(browser, `${demos[1].url}/console`, { viewport: { width: 1280, height: 1000 } });
  const { page } = operator;
  await shows(page, { connections: 6, refused: done.invalid + done.nowhere, closed: done.left, slow: 0, loops: 0 });
  assert.match(await page.textContent(".state"), /^Live$/);
  assert.equal(sumOf(await table(page, 1), "Messages"), done.messages);
  const connections = (await table(page, 0)).find(([head]) => head === "Connections")[1];
  assert.equal(Number(connections[0]), 6, "the running minute comes first");
  const closes = await table(page, 2);
  assert.equal(sumOf(closes, "chat_not_found"), done.nowhere);
  assert.equal(sumOf(closes, "client left"), done.left);
  const invalid = closes.map(([head]) => head).find((head) => head.startsWith("token_"));
  assert.equal(sumOf(closes, invalid), done.invalid);
  const top = page.locator(".top-causes li").first();
  assert.match(await top.textContent(), new RegExp(`${invalid}.*${done.invalid} refused`));
  await top.locator("summary").click();
  assert.ok((await top.locator("pre").first().textContent()).length > 10, "a fix to copy");
  // What another node told of its tenants may be two seconds old.
  await page.locator(`[data-tenant=${demos[0].about.tenant}] td:nth-child(2):text-is("6")`).waitFor();
  assert.deepEqual(await page.locator("[data-node] td:nth-child(2)").allTextContents(), ["2", "2", "2"]);
  assert.match(await page.textContent(".is-nodes"), /has been alive since/);
  await page.locator(".picture").nth(2).focus();
  await page.keyboard.press("End");
  const reading = page.locator(".chart").nth(2).locator(".reading");
  assert.match(await reading.textContent(), /\d\d:\d\d.*–/);
  await page.evaluate(() => scrollTo(0, 0));
  await operator.picture("console");
  assert.equal(await page.evaluate(() => Object.keys(sessionStorage).length), 0);
  await operator.leave();
});

test("what happens is shown without being asked for, and the ledger finds it on any node", async () => {
  const operator = await open(browser, `${demos[0].url}/console`, { viewport: { width: 1280, height: 1000 } });
  const { page } = operator;
  await shows(page, { connections: 6 });
  await page.locator(".chart").nth(1).locator("summary").click();
  await messagesShown(page, done.messages);
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  const { demo, user, one } = sockets.find((other) => other.demo === demos[2]);
  await demo.call(demo.about.users[1].token, `/api/v1/chats/${demo.about.chat}/messages`, "POST", { text: "one more" });
  done.messages += 1;
  await messagesShown(page, done.messages);
  assert.deepEqual(asked, [], "nothing is polled");

  await page.fill(".search [name=q]", user);
  await page.selectOption(".search [name=kind]", "open");
  await page.waitForFunction(() => document.querySelectorAll(".ledger tbody tr").length === 3);
  const nodes = await page.locator(".ledger tbody tr td:nth-child(4) small").allTextContents();
  assert.deepEqual(nodes.map((name) => name.split(":")[1]).sort(), demos.map(({ url }) => new URL(url).port).sort());
  assert.equal(new URL(page.url()).search, `?q=${user}&kind=open`);
  await page.locator("#ledger").scrollIntoViewIfNeeded();
  await operator.picture("console-ledger");

  await page.locator(".ledger tbody tr .danger").first().click();
  assert.match(await page.textContent("dialog"), new RegExp(`Disconnect ${user} of ${demo.about.tenant}\\?.*written into the log`, "s"));
  await page.getByRole("button", { name: "Cancel" }).click();
  assert.equal(await page.locator("dialog").count(), 0);
  await page.locator(".ledger tbody tr .danger").first().click();
  await page.locator("dialog .danger").click();
  assert.match(await reason(one), /^disconnected_by_operator/);
  await shows(page, { connections: 3, closed: done.left + 3 });
  assert.match(demos[0].log(), /charla::audit.*an operator acts.*disconnect/);
  await page.selectOption(".search [name=kind]", "ended");
  await page.selectOption(".search [name=cause]", "disconnected_by_operator");
  await page.waitForFunction(() => document.querySelectorAll(".ledger tbody tr").length === 3);
  assert.match(await page.textContent(".ledger tbody tr"), /ended disconnected_by_operator.*by the server/);
  await page.click(".languages [lang=es]");
  await page.waitForSelector(".ledger tbody tr");
  assert.match(await page.textContent("main"), /Registro de cierres.*por el servidor/s);
  await operator.leave();
});

test("a node is drained from another one's page, another is killed, and their past stays", async () => {
  const operator = await open(browser, `${demos[0].url}/console`, { viewport: { width: 1280, height: 1000 }, colorScheme: "dark" });
  const { page } = operator;
  await shows(page, { connections: 3, refused: done.invalid + done.nowhere });
  const port = new URL(demos[2].url).port;
  await page.locator("[data-node]", { hasText: `:${port}` }).locator("button").click();
  const stays = sockets.filter((other) => other.demo === demos[2])[1];
  await page.locator("dialog .danger").click();
  assert.match(await reason(stays.one), /^restarting/);
  await page.waitForFunction(() => document.querySelectorAll("[data-node]").length === 2);
  await demos[1].down("SIGKILL");
  await page.waitForFunction(() => document.querySelectorAll("[data-node]").length === 1);
  await shows(page, { connections: 1, refused: done.invalid + done.nowhere });
  assert.match(demos[0].log(), /charla::audit.*an operator acts.*drain/);
  await operator.picture("console-dark");
  await operator.leave();
});

test("the server goes away and comes back: the page says so, and needs nobody", async () => {
  const operator = await open(browser, `${demos[0].url}/console`);
  const { page } = operator;
  await shows(page, { connections: 1 });
  await demos[0].down("SIGKILL");
  await page.waitForSelector(".state.is-away");
  assert.match(await page.textContent(".state"), /No answer; trying again\. What you see is of \d/);
  await demos[0].up();
  await page.waitForSelector(".state.is-live");
  await operator.leave();
});

test("fits a phone, and asks for a key where it has to", async () => {
  const operator = await open(browser, `${demos[0].url}/console`, PHONE);
  const { page } = operator;
  await page.waitForSelector(".now");
  const { width, overflow } = await page.evaluate(() => ({ width: innerWidth, overflow: document.documentElement.scrollWidth }));
  assert.ok(overflow <= width, `${overflow} > ${width}`);
  await operator.picture("console-phone");
  await operator.leave();

  const context = await browser.newContext({ extraHTTPHeaders: { "x-forwarded-for": "192.0.2.7" } });
  const stranger = await context.newPage();
  await stranger.goto(`${demos[0].url}/console`);
  await stranger.fill("[name=key]", "charla_nothing");
  await stranger.keyboard.press("Enter");
  await stranger.waitForSelector(".refusal");
  assert.match(await stranger.textContent(".refusal"), /does not know that key/);
  await stranger.fill("[name=key]", demos[0].about.operator_key);
  await stranger.keyboard.press("Enter");
  await stranger.waitForSelector(".now");
  const kept = await stranger.evaluate(() => JSON.stringify([location.href, { ...localStorage }, { ...sessionStorage }, document.cookie]));
  assert.ok(!kept.includes(demos[0].about.operator_key));
  await context.close();
});
