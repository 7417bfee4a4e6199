/** @file The receivers that docs/webhooks.md shows, run as they stand there with the libraries of Standard Webhooks: what Charla signs, they take. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { Demo } from "../browser/demo.mjs";
import { soon } from "../clients/lab.mjs";
import { freePort } from "../proxy/nginx.mjs";

const MODULES = resolve(process.env.CHARLA_TOOLS_NODE ?? "target/tools/node", "node_modules");
const PYTHON = resolve(process.env.CHARLA_TOOLS_PYTHON ?? "target/tools/python", "bin/python");
/** Of each receiver: what stands before its code in the page, its file, and how it is started. */
const RECEIVERS = [
  ["python", "receiver.py", PYTHON],
  ["js", "receiver.mjs", process.execPath],
];

let demo;
let folder;
const running = [];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "charla-webhooks-"));
  await symlink(MODULES, join(folder, "node_modules"));
  demo = await Demo.start({ "webhooks.attempts": "1" });
});

after(async () => {
  for (const { child } of running) child.kill("SIGKILL");
  await demo?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Starts a receiver of the page's. @returns {Promise<{url: string, lines: string[]}>} */
async function start([language, file, program], secret, port) {
  const page = await readFile(new URL("../../docs/webhooks.md", import.meta.url), "utf8");
  const code = page.split(`\`\`\`${language}\n`)[1].split("```")[0];
  await writeFile(join(folder, file), code);
  const child = spawn(program, [file], { cwd: folder, env: { ...process.env, WEBHOOK_SECRET: secret, PORT: String(port) }, stdio: ["ignore", "pipe", "inherit"] });
  const lines = [];
  createInterface(child.stdout).on("line", (line) => lines.push(line));
  running.push({ child });
  const url = `http://127.0.0.1:${port}/`;
  const answers = () => fetch(url, { method: "POST", body: "{}", headers: { "webhook-id": "msg_forged", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA" } }).then(({ status }) => status, () => 0);
  assert.equal(await soon(answers, (status) => status === 401), 401, `${file} does not refuse what is forged`);
  return { lines, child };
}

for (const receiver of RECEIVERS) {
  test(`the ${receiver[0]} of the page takes what is signed, once, and no other secret's`, async () => {
    const { operator_key: key, tenant, chat } = demo.about;
    const port = await freePort();
    const place = `/api/v1/tenants/${tenant}/webhooks`;
    const made = await demo.call(key, place, "POST", { url: `http://127.0.0.1:${port}/`, events: ["message.created"] });
    let { lines, child } = await start(receiver, made.secret, port);
    const send = (text) => demo.call(key, `/api/v1/chats/${chat}/messages?tenant=${tenant}`, "POST", { text });
    await send("«hola»\u0000 ✓");
    assert.equal(await soon(() => lines.length, (count) => count === 1), 1);
    assert.equal(lines[0], `message.created ${tenant}`);
    // While the receiver changes: the next secret signs too.
    const renewed = await demo.call(key, `${place}/${made.id}/secret`, "POST");
    await send("signed twice");
    assert.equal(await soon(() => lines.length, (count) => count === 2), 2);
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    ({ lines, child } = await start(receiver, renewed.secret, port));
    await send("signed by the new one");
    assert.equal(await soon(() => lines.length, (count) => count === 1), 1);
    const { dead_letters: dead } = await demo.call(key, `/api/v1/tenants/${tenant}/dead-letters?endpoint=${made.id}`);
    assert.deepEqual(dead, []);
    await demo.call(key, `${place}/${made.id}`, "DELETE");
  });
}
