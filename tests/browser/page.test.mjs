/** @file The page around the chat: the list, unread counts, languages, a phone, the keyboard, what a screen reader meets. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Demo } from "./demo.mjs";
import { launch, open } from "./people.mjs";

const PHONE = { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true };

let demo;
let browser;
let chat;

before(async () => {
  [demo, browser] = await Promise.all([Demo.start(), launch()]);
  chat = `/?chat=${demo.about.chat}`;
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

test("a chat that is not open counts what is new, in the list and in the title", async () => {
  const ana = await open(browser, demo.address("ana"));
  const luis = await open(browser, demo.address("luis", chat));
  await ana.page.waitForSelector(".chat-row");
  const before = Number((await ana.page.title()).match(/\((\d+)\)/)?.[1] ?? 0);
  await luis.page.waitForSelector(".frame[data-connection=connected]");
  for (const text of ["psst", "are you there?"]) await luis.say(text);
  await ana.page.waitForFunction((n) => document.title.startsWith(`(${n})`), before + 2);
  const row = ana.page.locator(`[data-chat="${demo.about.chat}"]`);
  assert.match(await row.textContent(), /Luis: are you there\?/);
  await row.click();
  await ana.hears("are you there?");
  await row.locator(".badge").waitFor({ state: "detached" });
  assert.equal(await ana.page.locator(".unread-line").count(), 1);
  await luis.last(".tick-ticks").waitFor();
  await ana.leave();
  await luis.leave();
});

test("Spanish, by the browser's language and by the switch", async () => {
  const ana = await open(browser, demo.address("ana", chat), { locale: "es-MX" });
  await ana.page.waitForSelector(".message, .older");
  assert.equal(await ana.page.getByRole("textbox").getAttribute("placeholder"), "Escribe un mensaje");
  assert.equal(await ana.page.getAttribute("html", "lang"), "es");
  await ana.page.getByRole("textbox").fill("a medias");
  await ana.picture("spanish");
  await ana.page.getByRole("button", { name: "English" }).click();
  assert.equal(await ana.page.getByRole("textbox").getAttribute("placeholder"), "Write a message");
  assert.equal(await ana.page.getByRole("textbox").inputValue(), "a medias", "the draft survives");
  await ana.page.reload();
  assert.equal(await ana.page.getByRole("textbox").getAttribute("placeholder"), "Write a message", "the choice is remembered");
  await ana.leave();
});

test("on a phone the list and the chat take turns, and nothing sticks out", async () => {
  const ana = await open(browser, demo.address("ana"), PHONE);
  await ana.page.waitForSelector(".chat-row");
  const assertFits = async () => {
    const [wide, inner] = await ana.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(wide <= inner, `${wide} px in a window of ${inner}`);
  };
  await assertFits();
  await ana.picture("phone-list");
  await ana.page.tap(".chat-row");
  await ana.page.waitForSelector(".composer");
  assert.ok(await ana.page.locator(".sidebar").isHidden());
  await ana.say(`from a phone ${"wide".repeat(60)}`);
  await ana.last(":is(.tick-tick, .tick-ticks)").waitFor();
  await assertFits();
  await ana.picture("phone-chat");
  await ana.page.getByRole("button", { name: "Back to the chats" }).tap();
  assert.ok(await ana.page.locator(".sidebar").isVisible());
  assert.equal(ana.page.url(), `${demo.url}/`);
  await ana.leave();
});

test("the keyboard is enough", async () => {
  const ana = await open(browser, demo.address("ana", chat));
  await ana.page.waitForSelector(".frame[data-connection=connected]");
  await ana.page.waitForFunction(() => document.activeElement?.tagName === "TEXTAREA");
  await ana.page.keyboard.type("typed");
  await ana.page.keyboard.press("Enter");
  await ana.hears("typed");
  await ana.last(":is(.tick-tick, .tick-ticks)").waitFor();
  // Back from the text: the last message's tools, then the message itself.
  const focused = () => ana.page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.className);
  await ana.page.keyboard.press("Shift+Tab");
  assert.equal(await focused(), "Delete");
  await ana.page.keyboard.press("Shift+Tab");
  await ana.page.keyboard.press("Shift+Tab");
  assert.match(await focused(), /message/);
  await ana.page.keyboard.press("Enter");
  await ana.page.waitForSelector(".edit-bar:not([hidden])");
  assert.equal(await ana.page.getByRole("textbox").inputValue(), "typed");
  await ana.page.keyboard.press("Escape");
  assert.ok(await ana.page.locator(".edit-bar").isHidden());
  await ana.leave();
});

test("everything that can be operated has a name, and news are read out", async () => {
  const ana = await open(browser, demo.address("ana", chat));
  const luis = await open(browser, demo.address("luis", chat));
  await ana.page.waitForSelector(".frame[data-connection=connected]");
  await luis.page.waitForSelector(".frame[data-connection=connected]");
  const nameless = await ana.page.$$eval("button, a[href], input, textarea", (all) =>
    all.filter((each) => !(each.getAttribute("aria-label") || each.textContent.trim() || each.labels?.length)).map((each) => each.outerHTML),
  );
  assert.deepEqual(nameless, []);
  await luis.say("read this out");
  await ana.hears("read this out");
  assert.match(await ana.page.getByRole("log").textContent(), /Luis: read this out/);
  assert.equal(await ana.page.locator("main").count(), 1);
  assert.equal(await ana.page.getByRole("navigation", { name: "Chats" }).count(), 1);
  await ana.leave();
  await luis.leave();
});

test("dark where the system is dark", async () => {
  const brightness = async (colorScheme) => {
    const ana = await open(browser, demo.address("ana", chat), { colorScheme });
    await ana.page.waitForSelector(".composer");
    const color = await ana.page.evaluate(() => getComputedStyle(document.querySelector(".stage")).backgroundColor);
    await ana.picture(`scheme-${colorScheme}`);
    await ana.leave();
    return color.match(/\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3;
  };
  assert.ok((await brightness("light")) > 200);
  assert.ok((await brightness("dark")) < 60);
});

test("two windows are two people, and signing out ends one of them", async () => {
  const ana = await open(browser, `${demo.url}/?user=ana`);
  const luis = await open(browser, demo.url);
  await luis.page.getByRole("button", { name: "Enter as luis" }).click();
  for (const { page } of [ana, luis]) await page.waitForSelector(".me-name");
  assert.equal(await ana.page.textContent(".me-name"), "Ana");
  assert.equal(await luis.page.textContent(".me-name"), "Luis");
  await luis.page.getByRole("button", { name: "Sign out" }).click();
  await luis.page.waitForSelector(".door");
  await luis.page.reload();
  await luis.page.waitForSelector(".door");
  await ana.page.waitForSelector(".subtitle[data-kind=online], .me-name");
  assert.ok(await ana.page.locator(".me-name").isVisible());
  for (const person of [ana, luis]) await person.leave();
});

test("the page runs under a policy that lets nothing foreign in", async () => {
  const response = await fetch(demo.url);
  const policy = response.headers.get("content-security-policy");
  for (const part of ["script-src 'self'", "style-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]) {
    assert.ok(policy.includes(part), `${part} is missing in ${policy}`);
  }
  assert.ok(!policy.includes("unsafe"));
});

test("what is foreign does not run, whoever brings it into the page", async () => {
  const ana = await open(browser, demo.address("ana"));
  await ana.page.waitForSelector(".me-name");
  const { violated, thrown } = await ana.page.evaluate(async () => {
    const violated = [];
    document.addEventListener("securitypolicyviolation", (event) => violated.push(event.effectiveDirective));
    const throws = (act) => {
      try {
        act();
        return false;
      } catch (error) {
        return error instanceof TypeError;
      }
    };
    const add = (name, fields) => document.body.append(Object.assign(document.createElement(name), fields));
    const thrown = {
      html: throws(() => (document.body.innerHTML += "<img src=x onerror='globalThis.pwned=1'>")),
      script: throws(() => add("script", { textContent: "globalThis.pwned = 1" })),
      address: throws(() => add("script", { src: "https://evil.example/x.js" })),
      object: throws(() => add("object", { data: "https://evil.example/" })),
      frame: throws(() => add("iframe", { srcdoc: "<script>parent.pwned = 1</script>" })),
    };
    add("img", { src: "https://evil.example/x.png" });
    add("iframe", { src: "https://evil.example/" });
    add("style", { textContent: "body { background: url(https://evil.example/y.png) }" });
    add("base", { href: "https://evil.example/" });
    await fetch("https://evil.example/").catch(() => {});
    try {
      new WebSocket("wss://evil.example/");
    } catch {
      // Some browsers throw, some only tell.
    }
    const wanted = ["img-src", "frame-src", "style-src-elem", "base-uri", "connect-src"];
    while (!wanted.every((name) => violated.includes(name))) await new Promise(requestAnimationFrame);
    return { violated: [...new Set(violated)], thrown };
  });
  assert.deepEqual(thrown, { html: true, script: true, address: true, object: true, frame: true });
  assert.ok(violated.includes("require-trusted-types-for"), violated.join());
  assert.equal(await ana.page.evaluate(() => globalThis.pwned), undefined);
  // Not by `leave`, which asks for a quiet console: here it is anything but.
  await ana.page.context().close();
});
