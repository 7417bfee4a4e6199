/** @file Two people chat in two windows of a real browser, against the real server. */
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

test("the token leaves the address bar at once", () => {
  assert.equal(ana.page.url(), `${demo.url}/?chat=${demo.about.chat}`);
});

test("what one says the other hears, and sees who", async () => {
  await ana.say("hola, Luis");
  await luis.hears("hola, Luis");
  assert.equal(await luis.last(".author").textContent(), "Ana");
  await luis.say("hola, Ana");
  await ana.hears("hola, Ana");
  await ana.picture("chat");
});

test("saying ok twice arrives twice", async () => {
  const before = (await luis.texts()).length;
  await ana.say("ok");
  await ana.say("ok");
  await luis.page.waitForFunction((n) => document.querySelectorAll(".message").length === n, before + 2);
  assert.deepEqual((await luis.texts()).slice(-2), ["ok", "ok"]);
});

test("ticks: sent, then read by the one who looks", async () => {
  await luis.page.bringToFront();
  await ana.say("read me");
  await luis.hears("read me");
  await ana.last(".tick-ticks").waitFor();
  assert.equal(await ana.last(".tick").getAttribute("aria-label"), "Read by Luis");
});

test("typing shows and goes", async () => {
  await luis.page.getByRole("textbox").pressSequentially("hm");
  await ana.page.waitForSelector(".subtitle[data-kind=typing]");
  assert.match(await ana.page.textContent(".subtitle"), /Luis is typing/);
  await luis.page.getByRole("textbox").fill("");
  await ana.page.waitForSelector(".subtitle[data-kind=online]");
});

test("an edit reaches the other and says so", async () => {
  await ana.say("mistaek");
  await luis.hears("mistaek");
  await ana.page.getByRole("textbox").press("ArrowUp");
  await ana.page.waitForSelector(".edit-bar:not([hidden])");
  await ana.say("mistake");
  await luis.hears("mistake");
  assert.equal(await luis.last(".edited").textContent(), "edited");
});

test("a deleted message disappears for both", async () => {
  await ana.say("regret");
  await luis.hears("regret");
  await ana.last(".bubble").hover();
  await ana.last().getByRole("button", { name: "Delete" }).click();
  await ana.page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await luis.page.waitForSelector(".message:last-child.is-deleted");
  assert.ok(!(await luis.texts()).includes("regret"));
});

test("what looks like markup or a script is text", async () => {
  const texts = [
    "<img src=x onerror=\"globalThis.pwned=1\">",
    "<script>globalThis.pwned=1</script>",
    "</script><svg onload=globalThis.pwned=1>",
    "javascript:globalThis.pwned=1",
    "{{constructor.constructor('globalThis.pwned=1')()}}",
    "\u202Eesrever\u202C &amp; &lt;b&gt;",
  ];
  for (const text of texts) {
    await ana.say(text);
    await luis.hears(text);
  }
  for (const { page } of [ana, luis]) {
    assert.equal(await page.evaluate(() => globalThis.pwned), undefined);
    assert.equal(await page.locator(".text img, .text script, .text svg, .text b").count(), 0);
    assert.equal(await page.locator(".text a[href^='javascript']").count(), 0);
  }
});

test("a web address becomes a link that tells the other site nothing", async () => {
  await luis.say("see https://example.com/a?b=c.");
  await ana.hears("see https://example.com/a?b=c.");
  const link = ana.last(".text a");
  assert.equal(await link.getAttribute("href"), "https://example.com/a?b=c");
  assert.match(await link.getAttribute("rel"), /noopener noreferrer/);
});

test("a plain WebSocket that only types text is heard", async () => {
  const { token } = demo.user("luis");
  const { chat, ws_url: base } = demo.about;
  await luis.page.evaluate(
    ({ address, words }) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(address);
        socket.onopen = () => words.forEach((word) => socket.send(word));
        socket.onclose = ({ code }) => reject(new Error(`closed with ${code}`));
        let heard = 0;
        socket.onmessage = ({ data }) => {
          if (!data.includes("by hand")) return;
          heard += 1;
          if (heard === words.length) resolve();
        };
      }),
    { address: `${base.replace(/\/ws\/.*$/, "")}/ws/chat/${chat}/?token=${token}`, words: ['{"text":"json by hand"}', "bare by hand"] },
  );
  await ana.hears("bare by hand");
  assert.ok((await ana.texts()).includes("json by hand"));
});

test("older messages load on scrolling up, and the view stays where it was", async () => {
  await luis.page.evaluate(
    async ({ chat, token }) => {
      const { Charla } = await import("/assets/charla/index.js");
      const charla = new Charla({ token: () => token }).connect();
      await charla.subscribe(chat);
      const sends = [];
      for (let n = 1; n <= 130; n += 1) sends.push(charla.send(chat, `line ${n}`));
      await Promise.all(sends);
      charla.close();
    },
    { chat: demo.about.chat, token: demo.user("luis").token },
  );
  await ana.hears("line 130");
  await ana.page.reload();
  await ana.hears("line 130");
  const atFirst = await ana.page.locator(".message").count();
  assert.ok(atFirst <= 60, `${atFirst} messages at first`);
  const anchor = ana.page.locator(".message", { hasText: /^(You|Luis)?line 90/ }).first();
  await anchor.scrollIntoViewIfNeeded();
  await ana.page.$eval(".timeline", (timeline) => (timeline.scrollTop = 0));
  await ana.page.waitForFunction((n) => document.querySelectorAll(".message").length > n, atFirst);
  const texts = await ana.texts();
  const numbered = texts.filter((text) => text.startsWith("line ")).map((text) => Number(text.slice(5)));
  assert.deepEqual(numbered, numbered.map((_, n) => numbered[0] + n), "in order, none twice, none missing");
});

test("somebody who leaves is seen to leave", async () => {
  const sofia = await open(browser, demo.address("sofia", `/?chat=${demo.about.chat}`));
  await ana.page.waitForFunction(() => document.querySelector(".subtitle").textContent.includes("Sof"));
  await sofia.leave();
  // A short absence is not told: the server waits for a reconnect before it says so.
  await ana.page.waitForFunction(() => !document.querySelector(".subtitle").textContent.includes("Sof"), null, { timeout: 40_000 });
});

test("nobody met an error", () => {
  ana.assertQuiet();
  luis.assertQuiet();
});
