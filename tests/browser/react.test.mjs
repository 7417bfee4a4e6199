/** @file The hooks in a real React, in its Strict Mode, which mounts everything twice. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Demo } from "./demo.mjs";
import { counted, OwnPages } from "./own-page.mjs";
import { launch } from "./people.mjs";

const MODULES = process.env.CHARLA_NODE_MODULES ?? join(process.env.CHARLA_TOOLS_NODE ?? ".", "node_modules");
const { build } = createRequire(join(MODULES, "_"))("esbuild");

/** A page as somebody would write it, without JSX. */
const PAGE = `
import { createElement as e, StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { useChat, useWebSocketWithRetry } from "./src/react.js";

function Chat({ url, token, chat }) {
  const { state, title, messages, unsent, more, refused, send, loadMore } = useChat({ url, token: () => token, chat });
  const [text, setText] = useState("");
  return e("main", { "data-state": state.name, "data-cause": state.cause ?? "", "data-refused": refused ?? "" },
    e("h1", null, title),
    more && e("button", { id: "more", onClick: loadMore }, "Older"),
    messages.map(({ seq, author, text }) => e("p", { key: seq, className: "message" }, author.name + ": " + text)),
    unsent.map(({ id, text, failed }) => e("p", { key: id, className: "unsent" }, text + (failed ? " (" + failed + ")" : ""))),
    e("input", { value: text, onChange: (event) => setText(event.target.value) }),
    e("button", { id: "send", onClick: () => { send(text).catch(() => {}); setText(""); } }, "Send"));
}

function Legacy({ url, token }) {
  const [heard, setHeard] = useState([]);
  const onMessage = (message) => setHeard((all) => [...all, message]);
  const { state, lastMessage, send } = useWebSocketWithRetry({ url, token: () => token, onMessage });
  return e("main", { "data-state": state.name, "data-cause": state.cause ?? "" },
    heard.filter(({ text }) => text).map(({ author, text }, n) => e("p", { key: n, className: "message" }, JSON.stringify(author) + ": " + text)),
    e("output", null, JSON.stringify(lastMessage)),
    e("button", { id: "send", onClick: () => send({ text: "hola" }) }, "Send"));
}

let root;
globalThis.mount = (kind, props) => {
  root = createRoot(document.getElementById("root"));
  root.render(e(StrictMode, null, e(kind === "chat" ? Chat : Legacy, props)));
};
globalThis.unmount = () => root.unmount();
`;

let demo;
let browser;
let bundle;
/** @type {OwnPages} */
let pages;

before(async () => {
  const stdin = { contents: PAGE, resolveDir: fileURLToPath(new URL("../../js/", import.meta.url)) };
  const define = { "process.env.NODE_ENV": '"development"' };
  const built = build({ stdin, bundle: true, write: false, format: "iife", nodePaths: [MODULES], define, tsconfigRaw: {}, logLevel: "silent" });
  [demo, browser, bundle] = await Promise.all([Demo.start(), launch(), built.then(({ outputFiles }) => outputFiles[0].text)]);
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

beforeEach(async () => {
  pages = await OwnPages.in(browser, demo, { "page.js": bundle });
});

afterEach(async () => {
  await pages.close();
  assert.deepEqual(pages.troubles, []);
});

/** @param {"chat" | "legacy"} kind @param {object} props */
async function mounted(kind, props) {
  const page = await pages.open();
  await page.addScriptTag({ url: "/own/page.js" });
  await page.evaluate(([which, given]) => globalThis.mount(which, given), [kind, props]);
  return page;
}

const token = (name) => demo.user(name).token;
const texts = (page) => page.$$eval(".message", (all) => all.map(({ textContent }) => textContent));
const is = (page, state) => page.waitForSelector(`main[data-state=${state}]`);
const say = (text) => demo.call(token("luis"), `/api/v1/chats/${demo.about.chat}/messages`, "POST", { text });

test("a chat is shown, written to and left, on one connection", async () => {
  const page = await mounted("chat", { url: "/ws/", token: token("ana"), chat: demo.about.chat });
  await is(page, "connected");
  assert.equal(pages.sockets, 1, "mounted twice, connected once");
  await say("hola, Ana");
  await page.getByText("Luis: hola, Ana").waitFor();
  await page.getByRole("textbox").fill("ok");
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText("Ana: ok").waitFor();
  await page.locator(".unsent").waitFor({ state: "detached" });
  await page.evaluate(() => globalThis.unmount());
  while ((await counted(demo, "charla_connections")) > 0) await page.title();
});

test("older messages come on request", async () => {
  for (let n = 1; n <= 60; n += 1) await say(`nota ${n}`);
  const page = await mounted("chat", { url: "/ws/", token: token("ana"), chat: demo.about.chat });
  await page.getByText("Luis: nota 60").waitFor();
  assert.equal((await texts(page)).length, 50);
  await page.locator("#more").click();
  await page.getByText("Luis: hola, Ana").waitFor();
  const all = await texts(page);
  assert.deepEqual(all.slice(-60), Array.from({ length: 60 }, (_, n) => `Luis: nota ${n + 1}`));
});

test("a server that goes is named, what is written meanwhile waits, and all is well after", async () => {
  const page = await mounted("chat", { url: "/ws/", token: token("ana"), chat: demo.about.chat });
  await is(page, "connected");
  await demo.down("SIGKILL");
  await page.waitForSelector("main[data-cause=server_unreachable]");
  await page.getByRole("textbox").fill("written meanwhile");
  await page.getByRole("button", { name: "Send" }).click();
  await page.locator(".unsent", { hasText: "written meanwhile" }).waitFor();
  await demo.up();
  await page.getByText("Ana: written meanwhile").waitFor();
  await page.locator(".unsent").waitFor({ state: "detached" });
});

test("a chat that is somebody else's says so", async () => {
  const page = await mounted("chat", { url: "/ws/", token: token("ana"), chat: "999" });
  await page.waitForSelector("main[data-refused=chat_not_found]");
});

test("the hook for servers that are not Charla speaks plain JSON with a token in the address", async () => {
  const page = await mounted("legacy", { url: `/ws/chat/${demo.about.chat}/`, token: token("ana") });
  await is(page, "connected");
  assert.equal(pages.sockets, 1);
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText(": hola", { exact: false }).first().waitFor();
  assert.match(await page.textContent("output"), /"text":"hola"/);
  await demo.down("SIGKILL");
  await page.waitForSelector("main[data-cause=server_unreachable]");
  await demo.up();
  await is(page, "connected");
});
