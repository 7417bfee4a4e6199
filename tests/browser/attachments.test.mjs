/** @file Files of messages in real pages: put by one member, heard of by another, fetched whole and in part, and by nobody else. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Demo } from "./demo.mjs";
import { OwnPages } from "./own-page.mjs";
import { launch } from "./people.mjs";

const FORM = "<!doctype html><title>own page</title><input type=file>";
/** More than the server reads at once; 251 is a prime, so that no piece looks like the one before. */
const BYTES = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, at) => at % 251));

let demo;
let browser;
/** Where the server keeps files. */
let directory;
/** Of this tenant, and a member of another chat only. */
let eva;
/** Those of ana, luis and eva: each has a browser profile. @type {OwnPages[]} */
const profiles = [];

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "charla-files-"));
  [demo, browser] = await Promise.all([Demo.start({ "attachments.directory": directory }), launch()]);
  await demo.down("SIGTERM");
  await demo.command("user", "add", "eva", "--name", "Eva");
  await demo.command("chat", "add", "elsewhere", "--title", "Elsewhere");
  await demo.command("chat", "members", "add", "elsewhere", "eva");
  eva = (await demo.command("token", "issue", "eva")).access;
  await demo.up();
});

after(async () => {
  await Promise.all(profiles.map((pages) => pages.close()));
  await browser?.close();
  await demo?.stop();
  await rm(directory, { recursive: true, force: true });
  assert.deepEqual(profiles.flatMap(({ troubles }) => troubles), []);
});

async function profile() {
  const pages = await OwnPages.in(browser, demo, { "": FORM });
  profiles.push(pages);
  return pages;
}

/**
 * A page of somebody's that has entered a chat.
 * @param {OwnPages} pages
 * @param {string} token
 * @param {{chat?: string, name?: string | null}} [more] With a `name` it shares its connection with the other tabs of the profile.
 */
async function enter(pages, token, { chat = demo.about.chat, name = null } = {}) {
  const page = await pages.open();
  await page.evaluate(
    async ({ token, chat, name }) => {
      const load = (module) => import(`/own/js/src/${module}.js`);
      const [{ Charla }, { SharedCharla }, files] = await Promise.all([load("client"), load("tabs"), load("attach")]);
      const charla = name ? new SharedCharla({ name, token: () => token }) : new Charla({ token: () => token });
      Object.assign(globalThis, { charla, files, chat, heard: [] });
      charla.on("message", (message) => globalThis.heard.push(message));
      charla.connect();
      await charla.subscribe(chat);
    },
    { token, chat, name },
  );
  return page;
}

/** Puts what the form holds where the server says, and sends it. */
const sendForm = (page, text) =>
  page.evaluate(async (said) => {
    const { charla, files, chat } = globalThis;
    const attachment = await files.attach(charla, chat, document.querySelector("input").files[0]);
    await charla.send(chat, said, { attachments: [attachment.id] });
    return attachment;
  }, text);

/** The files of the message with this text, once it was heard. */
async function heardFiles(page, text) {
  const message = await page.waitForFunction((wanted) => globalThis.heard.find((each) => each.text === wanted), text);
  return (await message.jsonValue()).attachments;
}

/** Asks where a file is, and fetches it or a part of it. */
async function fetched(page, id, range) {
  const { bytes, ...answer } = await page.evaluate(
    async ({ id, range }) => {
      const { url } = await globalThis.files.locate(globalThis.charla, globalThis.chat, id);
      const answer = await fetch(url, { headers: range ? { range } : {} });
      const reader = new FileReader();
      const read = new Promise((resolve) => (reader.onload = () => resolve(reader.result.split(",")[1] ?? "")));
      reader.readAsDataURL(await answer.blob());
      return { status: answer.status, type: answer.headers.get("content-type"), part: answer.headers.get("content-range"), bytes: await read };
    },
    { id, range },
  );
  return { ...answer, bytes: Buffer.from(bytes, "base64") };
}

/** The cause with which something is refused that a page asks of its client; `act` runs there. */
const refusal = (page, act, mine) => page.evaluate(`(${act})(${JSON.stringify(mine)}).then(() => "not refused", ({ cause }) => cause)`);

async function assertFetchable(page, id) {
  const whole = await fetched(page, id);
  assert.deepEqual([whole.status, whole.type, whole.part], [200, "text/plain", null]);
  assert.ok(whole.bytes.equals(BYTES));
  const part = await fetched(page, id, "bytes=65000-200000");
  assert.deepEqual([part.status, part.part], [206, "bytes 65000-200000/300000"]);
  assert.ok(part.bytes.equals(BYTES.subarray(65_000, 200_001)));
}

test("a file goes from one member's form to another member, whole and in part, and to nobody else", async () => {
  const [anas, luises, evas] = [await profile(), await profile(), await profile()];
  const [ana, luis] = [await enter(anas, demo.user("ana").token), await enter(luises, demo.user("luis").token)];
  await ana.setInputFiles("input", { name: "factura año.txt", mimeType: "text/plain", buffer: BYTES });
  const sent = await sendForm(ana, "here it is");
  assert.deepEqual(sent, { id: sent.id, name: "factura año.txt", type: "text/plain", bytes: BYTES.length });
  assert.deepEqual(await heardFiles(luis, "here it is"), [sent]);
  await assertFetchable(luis, sent.id);

  const outside = await enter(evas, eva, { chat: "elsewhere" });
  const mine = { id: sent.id, chat: demo.about.chat };
  const asks = [
    ["not_a_member", ({ chat }) => globalThis.charla.subscribe(chat)],
    ["not_subscribed", ({ chat, id }) => globalThis.files.locate(globalThis.charla, chat, id)],
    ["not_subscribed", ({ chat }) => globalThis.files.attach(globalThis.charla, chat, new File(["x"], "x.txt", { type: "text/plain" }))],
    ["attachment_not_found", ({ id }) => globalThis.files.locate(globalThis.charla, "elsewhere", id)],
    ["attachment_not_found", ({ id }) => globalThis.charla.send("elsewhere", "mine?", { attachments: [id] })],
  ];
  for (const [cause, act] of asks) assert.equal(await refusal(outside, act, mine), cause, String(act));
});

test("a tab that only follows attaches, sends and fetches over the one connection of all tabs", async () => {
  const [anas, luises] = [await profile(), await profile()];
  const name = "demo/ana";
  const [first, second] = [await enter(anas, demo.user("ana").token, { name }), await enter(anas, demo.user("ana").token, { name })];
  const luis = await enter(luises, demo.user("luis").token);
  assert.deepEqual(await Promise.all([first, second].map((page) => page.evaluate(() => globalThis.charla.leads))), [true, false]);
  await second.setInputFiles("input", { name: "a.txt", mimeType: "text/plain", buffer: BYTES });
  const sent = await sendForm(second, "from a tab that follows");
  for (const page of [first, second, luis]) {
    assert.deepEqual(await heardFiles(page, "from a tab that follows"), [sent]);
    await assertFetchable(page, sent.id);
  }
  const again = ({ id }) => globalThis.charla.send(globalThis.chat, "again", { attachments: [id] });
  assert.equal(await refusal(second, again, sent), "attachment_not_found");
  assert.equal(anas.sockets, 1);
});
