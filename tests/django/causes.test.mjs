/**
 * @file The guide's five causes on the example's page: under uvicorn each is a bare 1006; Charla names it, or spares the page. What the page's console
 * said stands in `transcripts/`, with what the browser saw of the socket's end and what the doctor makes of the same address.
 */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";

import { launch } from "../browser/people.mjs";
import { Person } from "./people.mjs";
import { BINARY, Site, token as made } from "./site.mjs";
import { EXAMPLE, SECRET, World } from "./world.mjs";

const TRANSCRIPTS = new URL("./transcripts/", import.meta.url);
const MAX = 15;

/** The doctor sees none of this machine's processes: other sites run on it, and it would take them for this one's. */
const ALONE = [...(process.getuid() === 0 ? [] : ["--user", "--map-root-user"]), "--pid", "--fork", "--mount-proc"];
const CAN_BE_ALONE = spawnSync("unshare", [...ALONE, "true"]).status === 0;

let world;
let browser;
/** @type {Record<"uvicorn" | "charla", Site>} */
const sites = {};

before(async () => {
  [world, browser] = await Promise.all([World.start(), launch()]);
  for (const chat of ["uvicorn", "charla"]) sites[chat] = await Site.start(world, { chat });
});
after(async () => {
  await browser?.close();
  for (const site of Object.values(sites)) await site.end();
  await world?.end();
});

const enter = (chat, name, more) => Person.enter(browser, sites[chat], { tenant: "acme", name, ...more });

/** The page's console to its nth line of this kind, whatever came after. */
function until(person, pattern, nth = 1) {
  const ends = person.lines.flatMap((line, index) => (pattern.test(line) ? [index] : []));
  return person.lines.slice(0, ends[nth - 1] + 1);
}

/** What differs from run to run is told by its name. */
function constant(line) {
  return line
    .replace(/localhost:\d+/g, "localhost")
    .replace(/expired \d+ s ago/g, "expired N s ago")
    .replace(/retry in \d+ ms/g, "retry in N ms");
}

const told = ({ code, reason }) => constant(`${code} "${reason}"`);

/** The doctor's verdict on a site's socket, as whoever is on call would ask for it. */
async function diagnosis(chat, { chatId = "5", token }) {
  const site = sites[chat];
  const address = `ws://127.0.0.1:${site.ports.http}/ws/chat/${chatId}/?token=${token}&tenant=acme`;
  const channels = [
    ...["--server", `127.0.0.1:${site.ports.uvicorn}`, "--django", EXAMPLE, "--log", site.uvicorn.log, "--key", SECRET],
    ...["--redis", world.redisUrl(site.number), "--database", world.databaseUrl(site.database)],
    ...["--chat-query", "SELECT 1 FROM acme.chat_chat WHERE id::text = :chat"],
    ...["--member-query", "SELECT 1 FROM acme.chat_chat c, acme.auth_user u WHERE c.id::text = :chat AND u.id::text = :user AND (u.is_staff OR c.customer_id = u.id)"],
  ];
  const about = chat === "uvicorn" ? channels : ["--server", `127.0.0.1:${site.ports.charla}`];
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("CHARLA_")));
  const ask = [BINARY, "doctor", address, "--json", "--lang", "en", ...about];
  const [program, ...args] = CAN_BE_ALONE ? ["unshare", ...ALONE, ...ask] : ask;
  const out = await new Promise((resolve) => {
    execFile(program, args, { env, cwd: "/" }, (_, stdout, stderr) => resolve(stdout || stderr));
  });
  const { healthy, cause, certainty } = JSON.parse(out);
  return healthy ? "healthy" : `${cause} (${certainty})`;
}

/** Compares with what was seen before; `CHARLA_BLESS=1` writes it down instead. */
async function assertTranscript(name, title, parts) {
  const sections = parts.flatMap(({ stack, ends, doctor, lines }) => [
    `Under ${stack}`,
    `  the browser: ${ends}`,
    ...(doctor ? [`  the doctor:  ${doctor}`] : []),
    ...lines.map((line) => `  | ${constant(line)}`),
    "",
  ]);
  const text = [title, "", ...sections].join("\n");
  const file = new URL(`${name}.txt`, TRANSCRIPTS);
  if (process.env.CHARLA_BLESS) {
    await mkdir(TRANSCRIPTS, { recursive: true });
    await writeFile(file, text);
  }
  const kept = await readFile(file, "utf8").catch(() => "");
  assert.deepEqual(text.split("\n"), kept.split("\n"), `${name} looks different now`);
}

/** The first sign-in brings a token that has run out; its refresh token is good. */
function withExpired(chat) {
  return async (page) => {
    const { refresh } = await sites[chat].signIn("acme", "ana");
    await page.route("**/api/token/", (route) => route.fulfill({ json: { access: made(1, -30), refresh } }));
  };
}

const CLOSED = /WebSocket cerrado/;

describe("the token, the permission, the chat", { concurrency: 2 }, () => {
  test("1. the token has run out", async () => {
    const parts = [];
    for (const chat of ["uvicorn", "charla"]) {
      const ana = await enter(chat, "ana", { before: withExpired(chat) });
      const refusals = chat === "uvicorn" ? 5 : 1;
      const closes = await ana.closes(refusals);
      await ana.says(/✅ WebSocket conectado/, chat === "uvicorn" ? 1 : 2);
      await ana.is("conectado");
      assert.equal((await ana.closes(refusals)).length, refusals);
      for (const { code, reason } of closes) {
        if (chat === "uvicorn") assert.deepEqual({ code, reason }, { code: 1006, reason: "" });
        else assert.match(`${code} ${reason}`, /^4401 token_expired/);
      }
      parts.push({
        stack: chat,
        ends: `${refusals} x ${told(closes[0])}, then in`,
        doctor: await diagnosis(chat, { token: made(1, -30) }),
        lines: until(ana, /✅ WebSocket conectado/, chat === "uvicorn" ? 1 : 2),
      });
      await ana.leave();
    }
    await assertTranscript("token-expired", "The token has run out, and a fresh one is to be had.", parts);
  });

  test("2. not allowed in the chat", async () => {
    const parts = [];
    for (const chat of ["uvicorn", "charla"]) {
      const luis = await enter(chat, "luis");
      await luis.is("deshabilitado");
      const closes = await luis.closes(1);
      const { access } = await sites[chat].signIn("acme", "luis");
      const doctor = await diagnosis(chat, { token: access });
      if (chat === "uvicorn") {
        assert.deepEqual(closes, Array.from({ length: MAX }, () => ({ code: 1006, reason: "" })));
      } else {
        assert.deepEqual(closes, [{ code: 4403, reason: "not_a_member" }]);
      }
      parts.push({ stack: chat, ends: `${closes.length} x ${told(closes[0])}, then given up`, doctor, lines: luis.lines });
      await luis.leave();
    }
    await assertTranscript("not-a-member", "Somebody else's chat.", parts);
  });

  test("3. no such chat", async () => {
    const parts = [];
    for (const chat of ["uvicorn", "charla"]) {
      const ana = await enter(chat, "ana", { chat: "777" });
      const closes = (await ana.closes(1)).slice(0, 1);
      assert.deepEqual(closes, [chat === "uvicorn" ? { code: 1006, reason: "" } : { code: 4404, reason: "chat_not_found" }]);
      if (chat === "charla") await ana.is("deshabilitado");
      const { access } = await sites[chat].signIn("acme", "ana");
      const doctor = await diagnosis(chat, { chatId: "777", token: access });
      const lines = chat === "uvicorn" ? until(ana, /Reintentando/) : ana.lines;
      parts.push({ stack: chat, ends: told(closes[0]) + (chat === "uvicorn" ? ", again and again" : ", then given up"), doctor, lines });
      await ana.leave();
    }
    await assertTranscript("no-such-chat", "A chat that does not exist.", parts);
  });
});

test("4. Redis is down", async () => {
  const both = {};
  const tokens = {};
  for (const chat of ["uvicorn", "charla"]) {
    both[chat] = [await enter(chat, "ana"), await enter(chat, "clara")];
    for (const each of both[chat]) await each.is("conectado");
    tokens[chat] = (await sites[chat].signIn("acme", "ana")).access;
  }
  await world.redis.down("SIGKILL");
  const parts = [];
  for (const each of both.uvicorn) assert.deepEqual((await each.closes(1))[0], { code: 1006, reason: "" });
  const [customer] = both.uvicorn;
  // It comes back once, in vain.
  await customer.closes(2);
  parts.push({
    stack: "uvicorn",
    ends: `1006 "", and the same for whoever comes`,
    doctor: await diagnosis("uvicorn", { token: tokens.uvicorn }),
    lines: until(customer, CLOSED, 2),
  });
  const [ana, clara] = both.charla;
  await ana.say("¿me leen?");
  await clara.say("sí");
  for (const each of [ana, clara]) await each.hears(2);
  // Whoever comes now is let in as well.
  const marta = await enter("charla", "marta");
  await marta.is("conectado");
  for (const each of [ana, clara, marta]) assert.deepEqual(await each.page.evaluate(() => globalThis.cierres), []);
  parts.push({
    stack: "charla",
    ends: "open, and talking",
    doctor: await diagnosis("charla", { token: tokens.charla }),
    lines: ana.lines,
  });
  await world.redis.up();
  for (const each of [...both.uvicorn, ana, clara, marta]) await each.leave();
  await assertTranscript("redis-down", "Redis is killed while two people talk.", parts);
});

test("5. the server is down", async () => {
  const parts = [];
  for (const chat of ["uvicorn", "charla"]) {
    const ana = await enter(chat, "ana");
    await ana.is("conectado");
    const { access } = await sites[chat].signIn("acme", "ana");
    const server = sites[chat][chat];
    if (chat === "charla") {
      // Told to go, as in a restart: it says so.
      await server.down("SIGTERM");
      const [close] = await ana.closes(1);
      assert.match(told(close), /^1012 "restarting: retry in N ms"$/);
      parts.push({ stack: "charla, told to end", ends: told(close), lines: until(ana, CLOSED) });
      await server.up();
      await ana.says(/✅ WebSocket conectado/, 2);
      await ana.is("conectado");
    }
    const before = ana.lines.length;
    const count = (await ana.page.evaluate(() => globalThis.cierres)).length;
    await server.down("SIGKILL");
    const close = (await ana.closes(count + 1)).at(count);
    // Nobody is there to say anything: the doctor, who looks from outside, does.
    assert.deepEqual(close, { code: 1006, reason: "" });
    const lines = until({ lines: ana.lines.slice(before) }, CLOSED);
    parts.push({ stack: chat === "charla" ? "charla, killed" : chat, ends: told(close), doctor: await diagnosis(chat, { token: access }), lines });
    await ana.leave();
    await server.up();
  }
  await assertTranscript("server-down", "The process is gone.", parts);
});
