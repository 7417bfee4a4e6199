/** @file The client that people already have in their terminals, against the demo: what is typed arrives. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Demo } from "../browser/demo.mjs";

const modules = join(process.env.CHARLA_TOOLS_NODE ?? "target/tools/node", "node_modules");
const { WebSocket } = createRequire(join(modules, "wscat/package.json"))("ws");

/** @type {Demo} */
let demo;
before(async () => {
  demo = await Demo.start();
});
after(() => demo.stop());

/** What wscat prints, in a terminal of its own, when it connects with this address and says this line. */
async function wscat(address, line) {
  const says = line === undefined ? "" : ` -w 2 -x '${line}'`;
  // `script` gives it a terminal: without one it keeps the close code to itself.
  const child = spawn("script", ["-qec", `wscat -c '${address}'${says}`, "/dev/null"]);
  const printed = [];
  child.stdout.on("data", (chunk) => printed.push(chunk));
  child.stderr.on("data", (chunk) => printed.push(chunk));
  await once(child, "close");
  return Buffer.concat(printed).toString();
}

/** A `charla.v1` listener in the chat: the texts of the messages it gets, as they come. */
async function listener(name) {
  const address = `${demo.url.replace("http", "ws")}/ws/chat/${demo.about.chat}/`;
  const socket = new WebSocket(address, ["charla.v1", `bearer.${demo.user(name).token}`]);
  const texts = [];
  let heard = () => {};
  socket.on("message", (frame) => {
    const { type, text } = JSON.parse(frame);
    if (type === "message") texts.push(text);
    heard(type);
  });
  await new Promise((resolve, reject) => {
    heard = (type) => type === "subscribed" && resolve();
    socket.once("error", reject);
  });
  return {
    close: () => socket.close(),
    /** Waits until this many messages have come. */
    async texts(count) {
      while (texts.length < count) await new Promise((resolve) => (heard = resolve));
      return texts;
    },
  };
}

const address = (chat, token) => `${demo.url.replace("http", "ws")}/ws/chat/${chat}/?token=${token}`;

test("an object and bare words arrive as messages", { timeout: 30_000 }, async () => {
  const luis = await listener("luis");
  const token = demo.user("ana").token;
  await wscat(address("5", token), '{"text":"hola"}');
  await wscat(address("5", token), "qué tal");
  assert.deepEqual(await luis.texts(2), ["hola", "qué tal"]);
  luis.close();
});

test("a refusal has its code, never 1006", { timeout: 60_000 }, async () => {
  const { token } = demo.user("ana");
  for (const [chat, credential, code] of [
    ["999", token, 4404],
    ["5", token.slice(0, -3), 4401],
    ["5", "", 4401],
  ]) {
    const printed = await wscat(address(chat, credential));
    assert.match(printed, new RegExp(`Disconnected \\(code: ${code}`), `${chat}: ${printed}`);
  }
});
