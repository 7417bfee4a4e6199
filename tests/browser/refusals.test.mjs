/** @file Whoever may not enter is told why, by the cause and its code: in the page and in the CloseEvent, never a 1006. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { Demo } from "./demo.mjs";
import { launch, open } from "./people.mjs";

let demo;
let browser;

before(async () => {
  [demo, browser] = await Promise.all([Demo.start(), launch()]);
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

async function assertRefused(person, code, cause, title) {
  const problem = await person.problem();
  assert.equal(problem.code, String(code));
  assert.equal(problem.cause, cause);
  assert.match(problem.title, title);
  const codes = problem.closes.map((close) => close.code);
  assert.ok(codes.includes(code), `the browser saw ${JSON.stringify(problem.closes)}`);
  assert.ok(!codes.includes(1006));
  assert.ok(problem.closes.find((close) => close.code === code).reason.startsWith(cause));
  await person.picture(`refused-${code}`);
  await person.leave();
}

test("a token with a wrong signature: 4401", async () => {
  const { token } = demo.user("ana");
  const [head, claims, signature] = token.split(".");
  const forged = [head, claims, signature.replace(/^./, (letter) => (letter === "A" ? "B" : "A"))].join(".");
  const person = await open(browser, demo.address("ana", `/?chat=${demo.about.chat}`, { token: forged }));
  await assertRefused(person, 4401, "token_invalid", /token/i);
});

test("somebody else's chat: 4403", async () => {
  const { chat } = await demo.api("luis", "/api/v1/me/support-chat", "POST");
  const person = await open(browser, demo.address("ana", `/?chat=${chat}`));
  await assertRefused(person, 4403, "not_a_member", /member/i);
});

test("a chat that does not exist: 4404", async () => {
  const person = await open(browser, demo.address("ana", "/?chat=999"));
  await assertRefused(person, 4404, "chat_not_found", /no such chat/i);
});

test("the refusal leads back to my chats", async () => {
  const person = await open(browser, demo.address("ana", "/?chat=999"));
  await person.problem();
  await person.page.getByRole("button", { name: "Go to my chats" }).click();
  await person.page.waitForSelector(".chat-row");
  assert.equal(person.page.url(), `${demo.url}/`);
  await person.leave();
});

test("the link under the cause leads to what it means", async () => {
  const person = await open(browser, demo.address("ana", "/?chat=999"));
  await person.problem();
  const href = await person.page.locator(".problem a").getAttribute("href");
  const response = await fetch(demo.url + href);
  assert.equal(response.status, 200);
  assert.match(await response.text(), /chat_not_found/);
  await person.leave();
});

test("the same in Spanish", async () => {
  const person = await open(browser, demo.address("ana", "/?chat=999"), { locale: "es-ES" });
  const problem = await person.problem();
  assert.match(problem.title, /no existe/);
  await person.leave();
});

test("a wrong password is refused in words, at the door", async () => {
  const person = await open(browser, demo.url);
  await person.page.locator("[name=username]").fill("ana");
  await person.page.getByLabel("Password").fill("wrong");
  await person.page.keyboard.press("Enter");
  await person.page.waitForFunction(() => document.querySelector("[role=alert]")?.textContent !== "");
  assert.match(await person.page.textContent("[role=alert]"), /password/i);
  await person.page.getByLabel("Password").fill("ana");
  await person.page.keyboard.press("Enter");
  await person.page.waitForSelector(".chat-row");
  await person.leave();
});

test("a page of another origin reads why, over plain HTTP, whether or not it may come in", async () => {
  const elsewhere = createServer((_, response) => response.setHeader("content-type", "text/html").end("<p>elsewhere"));
  await new Promise((listens) => elsewhere.listen(0, "127.0.0.1", listens));
  const origin = `http://127.0.0.1:${elsewhere.address().port}`;
  const strict = await Demo.start({ "origins.allow_loopback": "false" });
  const page = await browser.newPage();
  await page.goto(origin);
  const ask = (server, path, headers) =>
    page.evaluate(
      async ([url, headers]) => {
        const response = await fetch(url, { headers });
        const answer = await response.json();
        return [response.status, answer.cause ?? answer.user.id];
      },
      [server.url + path, headers],
    );
  // With the token in a header, which a browser asks leave for first.
  const ana = (server) => ({ authorization: `Bearer ${server.user("ana").token}` });
  try {
    assert.deepEqual(await ask(demo, "/ws/", ana(demo)), [200, "ana"]);
    assert.deepEqual(await ask(demo, "/ws/chat/999/", ana(demo)), [404, "chat_not_found"]);
    assert.deepEqual(await ask(strict, "/ws/", ana(strict)), [403, "origin_forbidden"]);
    assert.deepEqual(await ask(demo, `/ws/?token=${"x".repeat(20_000)}`, {}), [414, "uri_too_large"]);
  } finally {
    await page.close();
    await strict.stop();
    elsewhere.close();
  }
});
