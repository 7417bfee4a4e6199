/** @file Real tabs of one browser: one connection for all of them, and nothing lost when the one that has it goes. */
import assert from "node:assert/strict";
import { after, before, beforeEach, afterEach, test } from "node:test";
import { Demo } from "./demo.mjs";
import { counted, OwnPages } from "./own-page.mjs";
import { launch } from "./people.mjs";

let demo;
let browser;
/** @type {OwnPages} */
let pages;
let names = 0;

before(async () => {
  [demo, browser] = await Promise.all([Demo.start(), launch()]);
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

beforeEach(async () => {
  pages = await OwnPages.in(browser, demo);
  names += 1;
});

afterEach(async () => {
  await pages.close();
  assert.deepEqual(pages.troubles, []);
});

/** A tab of ana's that has entered the chat. */
async function tab() {
  const page = await pages.open();
  await page.evaluate(
    async ({ token, chat, name }) => {
      const { SharedCharla } = await import("/own/js/src/tabs.js");
      globalThis.charla = new SharedCharla({ name, token: () => token });
      globalThis.heard = [];
      globalThis.chat = chat;
      globalThis.charla.on("message", ({ seq, text }) => globalThis.heard.push([seq, text]));
      globalThis.charla.connect();
      await globalThis.charla.subscribe(chat);
    },
    { token: demo.user("ana").token, chat: demo.about.chat, name: `ana-${names}` },
  );
  return page;
}

const leads = (page) => page.evaluate(() => globalThis.charla.leads);
const heard = (page) => page.evaluate(() => globalThis.heard);
const hears = (page, text) => page.waitForFunction((wanted) => globalThis.heard.some(([, said]) => said === wanted), text);
/** Sends without waiting for the ack, which `acked` waits for. */
const say = (page, text) => page.evaluate((said) => void (globalThis.sent = globalThis.charla.send(globalThis.chat, said)), text);
const acked = (page) => page.evaluate(() => globalThis.sent.then(({ seq }) => seq));

async function stored() {
  const { messages } = await demo.api("luis", `/api/v1/chats/${demo.about.chat}/messages`);
  return messages.map(({ text }) => text);
}

test("two tabs are one connection to the server, and both take part", async () => {
  const [first, second] = [await tab(), await tab()];
  assert.deepEqual([await leads(first), await leads(second)], [true, false]);
  assert.deepEqual([await counted(demo, "charla_connections"), pages.sockets], [1, 1]);
  await say(first, "from the first");
  await say(second, "from the second");
  await Promise.all([acked(first), acked(second)]);
  for (const page of [first, second]) {
    await hears(page, "from the first");
    await hears(page, "from the second");
    assert.equal((await heard(page)).length, 2);
  }
});

test("the leader is closed with a send under way: the other tab takes over and sends it, once", async () => {
  const [first, second] = [await tab(), await tab()];
  const session = await first.context().newCDPSession(first);
  // Nothing of the leader's reaches the server any more, and nobody knows it yet.
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", { offline: true, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
  await say(second, "kept through the change");
  await first.close();
  assert.ok((await acked(second)) > 0);
  assert.equal(await leads(second), true);
  assert.equal((await stored()).filter((text) => text === "kept through the change").length, 1);
  await hears(second, "kept through the change");
  assert.equal(await counted(demo, "charla_connections"), 1);
});

test("the leader crashes: what others say meanwhile is missed by nobody", async () => {
  const [first, second] = [await tab(), await tab()];
  await say(second, "before the crash");
  await acked(second);
  const session = await first.context().newCDPSession(first);
  const crashed = first.waitForEvent("crash");
  session.send("Page.crash").catch(() => {});
  await crashed;
  await demo.call(demo.user("luis").token, `/api/v1/chats/${demo.about.chat}/messages`, "POST", { text: "during the crash" });
  await hears(second, "during the crash");
  await say(second, "after the crash");
  await acked(second);
  await hears(second, "after the crash");
  const texts = (await heard(second)).map(([, text]) => text);
  assert.deepEqual(texts, ["before the crash", "during the crash", "after the crash"]);
});

test("a leader that does not answer is deposed by a tab that needs it, and follows when it can again", async () => {
  const [first, second] = [await tab(), await tab()];
  const session = await first.context().newCDPSession(first);
  await session.send("Debugger.enable");
  const paused = new Promise((resolve) => session.once("Debugger.paused", resolve));
  await session.send("Debugger.pause");
  await say(second, "the leader sleeps");
  await paused;
  assert.ok((await acked(second)) > 0);
  assert.equal(await leads(second), true);
  await session.send("Debugger.resume");
  await session.send("Debugger.disable");
  await first.waitForFunction(() => !globalThis.charla.leads && globalThis.charla.connected);
  await hears(first, "the leader sleeps");
  await say(first, "awake again");
  await acked(first);
  await hears(second, "awake again");
  for (const page of [first, second]) assert.deepEqual((await heard(page)).map(([, text]) => text), ["the leader sleeps", "awake again"]);
  assert.equal(await counted(demo, "charla_connections"), 1);
});

test("a tab that the browser froze while it led loses nothing and doubles nothing, for itself and for the others", async () => {
  const [first, second] = [await tab(), await tab()];
  const session = await first.context().newCDPSession(first);
  await session.send("Page.setWebLifecycleState", { state: "frozen" });
  await say(second, "while it is frozen");
  assert.ok((await acked(second)) > 0);
  await session.send("Page.setWebLifecycleState", { state: "active" });
  await hears(first, "while it is frozen");
  await say(first, "thawed");
  await acked(first);
  await hears(second, "thawed");
  for (const page of [first, second]) assert.deepEqual((await heard(page)).map(([, text]) => text), ["while it is frozen", "thawed"]);
  assert.equal(await counted(demo, "charla_connections"), 1);
});

test("a tab that only follows writes the same story to its console, and reports it", async () => {
  const [first, second] = [await tab(), await tab()];
  const lines = [];
  second.on("console", (message) => lines.push(message.text()));
  await second.evaluate(async () => {
    const { logTo } = await import("/own/js/src/console.js");
    logTo(globalThis.charla, { lang: "es" });
  });
  await demo.down("SIGKILL");
  await second.waitForFunction(() => globalThis.charla.state.name === "waiting");
  await demo.up();
  // Somebody asks, in whichever tab.
  await second.evaluate(() => globalThis.charla.connect());
  await second.waitForFunction(() => globalThis.charla.connected);
  assert.match(lines[0], /^🔌 WebSocket cerrado: \{code: 1006, /);
  assert.match(lines[1], /^⚠️ Conexión perdida con código 1006\. Reintentando en \ds\.\.\.$/);
  assert.equal(lines.at(-1), "✅ WebSocket conectado");
  const [own, asked] = await Promise.all([first, second].map((page) => page.evaluate(() => globalThis.charla.report())));
  assert.deepEqual(asked.notes, own.notes);
  assert.equal(asked.charla_report, 1);
  assert.ok(!JSON.stringify(asked).includes(demo.user("ana").token));
});

test("a queue in IndexedDB outlives a reload while the server is down", async () => {
  const page = await pages.open();
  const load = async ({ token, chat, name }) => {
    const [{ Charla }, { indexedDbQueue }] = await Promise.all([import("/own/js/src/client.js"), import("/own/js/src/persist.js")]);
    globalThis.queue = indexedDbQueue(name);
    globalThis.charla = new Charla({ token: () => token, queue: globalThis.queue });
    globalThis.charla.connect();
    globalThis.chat = chat;
  };
  const mine = { token: demo.user("ana").token, chat: demo.about.chat, name: `demo/ana-${names}` };
  await demo.down("SIGKILL");
  await page.evaluate(load, mine);
  await page.evaluate(() => {
    for (const text of ["written in the dark", "and this", "and this"]) globalThis.charla.send(globalThis.chat, text).catch(() => {});
  });
  // Asked after them, it is answered after them.
  assert.equal(await page.evaluate(async () => (await globalThis.queue.load()).length), 3);
  await page.reload();
  await page.evaluate(load, mine);
  await page.waitForFunction(() => globalThis.charla.unsent.length === 3);
  await demo.up();
  const left = await page.evaluate(async () => {
    const { charla } = globalThis;
    const sent = charla.unsent.map(({ chat, text, data, id }) => charla.send(chat, text, { data, id }));
    charla.connect();
    await Promise.all(sent);
    return globalThis.queue.load();
  });
  assert.deepEqual(left, []);
  assert.deepEqual((await stored()).slice(-3), ["written in the dark", "and this", "and this"]);
});

test("one person's queue is not another's, keeps its order, and can be cleared", async () => {
  const page = await pages.open();
  const found = await page.evaluate(async () => {
    const { indexedDbQueue } = await import("/own/js/src/persist.js");
    const [ana, luis] = [indexedDbQueue("demo/ana"), indexedDbQueue("demo/luis")];
    const entry = (id, queuedAt) => ({ id, chat: "5", text: `text ${id}`, data: { n: queuedAt }, queuedAt, resolve: () => {} });
    await Promise.all([ana.put(entry("c", 1)), ana.put(entry("a", 2)), luis.put(entry("b", 1)), ana.put(entry("b", 2))]);
    await ana.put({ ...entry("a", 2), text: "again" });
    const [ofAna, ofLuis] = await Promise.all([ana.load(), luis.load()]);
    await ana.remove("c");
    const left = await ana.load();
    await ana.clear();
    return { ofAna, ofLuis: ofLuis.map(({ id }) => id), left: left.map(({ id }) => id), cleared: await ana.load() };
  });
  assert.deepEqual(found.ofAna.map(({ id, text, data }) => [id, text, data.n]), [["c", "text c", 1], ["b", "text b", 2], ["a", "again", 2]]);
  assert.deepEqual([found.ofLuis, found.left, found.cleared], [["b"], ["b", "a"], []]);
});

test("three tabs that need a token at once ask for it once", async () => {
  let asked = 0;
  let answer;
  const ready = new Promise((resolve) => (answer = resolve));
  await pages.context.route(`${demo.url}/own-token`, async (route) => {
    asked += 1;
    await ready;
    await route.fulfill({ body: `token-${asked}` });
  });
  const tabs = await Promise.all([pages.open(), pages.open(), pages.open()]);
  const all = tabs.map((page) =>
    page.evaluate(async () => {
      const { sharedToken } = await import("/own/js/src/tabs.js");
      const source = sharedToken(async () => (await fetch("/own-token")).text(), { name: "demo/ana" });
      return source({ refused: null, expiring: false });
    }),
  );
  // One asks, and the two others stand in line behind it.
  await tabs[0].evaluate(async () => {
    const ofToken = (locks) => locks.filter(({ name }) => name === "charla-token:demo/ana").length;
    for (;;) {
      const { held, pending } = await navigator.locks.query();
      if (ofToken(held) === 1 && ofToken(pending) === 2) return;
      // sleeps because a line of locks tells nobody that it grows
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  });
  answer();
  assert.deepEqual(await Promise.all(all), ["token-1", "token-1", "token-1"]);
  const kept = await tabs[0].evaluate(() => [localStorage.length, sessionStorage.length]);
  assert.deepEqual(kept, [0, 0]);
});
