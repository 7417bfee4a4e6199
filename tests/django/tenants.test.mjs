/** @file Two companies with a chat of the same number: what crosses where groups are named without the company, and what does not. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";

import { launch } from "../browser/people.mjs";
import { Person } from "./people.mjs";
import { Site, token, WebSocket } from "./site.mjs";
import { World } from "./world.mjs";

let world;
let browser;
before(async () => {
  [world, browser] = await Promise.all([World.start(), launch()]);
});
after(async () => {
  await browser?.close();
  await world?.end();
});

/**
 * Two people of two companies in their chat 5 each: one says a secret, then each says something that all of their own must hear.
 * @param {Record<string, "uvicorn" | "charla">} [servers] Who is to be served by which, where that is asked for.
 */
async function talk(site, servers = {}) {
  const enter = (tenant, name) => Person.enter(browser, site, { tenant, name, server: servers[name] });
  const ana = await enter("acme", "ana");
  const clara = await enter("acme", "clara");
  const ines = await enter("globex", "ines");
  for (const each of [ana, clara, ines]) await each.is("conectado");
  await ana.say("secreto de acme");
  await clara.hears(1);
  await ines.say("hola de globex");
  const heard = (person) => person.frames.map((frame) => JSON.parse(frame)).map(({ tenant, texto }) => [tenant, texto]);
  return { ana, clara, ines, heard };
}

const SECRET = ["acme", "secreto de acme"];
const HELLO = ["globex", "hola de globex"];

test("under Channels, groups named without the company: what acme says reaches globex' page", async () => {
  const site = await Site.start(world, { chat: "uvicorn", bare: true });
  try {
    const { ana, clara, ines, heard } = await talk(site);
    for (const each of [ana, clara, ines]) {
      await each.hears(2);
      assert.deepEqual(heard(each), [SECRET, HELLO], each.name);
    }
    assert.deepEqual(await ines.shown(), ["ana: secreto de acme", "ines: hola de globex"]);
    for (const each of [ana, clara, ines]) await each.leave();
  } finally {
    await site.end();
  }
});

for (const [chat, bare] of [["uvicorn", false], ["charla", false], ["charla", true], ["half", false]]) {
  test(`under ${chat}, groups named ${bare ? "without" : "with"} the company: nothing crosses`, async () => {
    const site = await Site.start(world, { chat, bare });
    try {
      const { ana, clara, ines, heard } = await talk(site);
      await ines.hears(1);
      // Sent after the other's: had that crossed, it would have come first.
      await ana.say("y otra cosa");
      for (const each of [ana, clara]) await each.hears(2);
      for (const each of [ana, clara]) assert.deepEqual(heard(each), [SECRET, ["acme", "y otra cosa"]], each.name);
      await ines.say("adiós");
      await ines.hears(2);
      assert.deepEqual(heard(ines), [HELLO, ["globex", "adiós"]]);
      for (const each of [ana, clara, ines]) await each.leave();
    } finally {
      await site.end();
    }
  });
}

test("half and half, groups named without the company: what is on Charla hears its own company alone, what is on uvicorn hears both as before", async () => {
  const site = await Site.start(world, { chat: "asked", bare: true });
  try {
    const { ana, clara, ines, heard } = await talk(site, { ana: "uvicorn", clara: "charla", ines: "uvicorn" });
    const sara = await Person.enter(browser, site, { tenant: "globex", name: "sara", server: "charla" });
    await sara.is("conectado");
    const MORE = ["globex", "y algo más"];
    for (const each of [ana, ines, clara]) await each.hears(each === clara ? 1 : 2);
    await ines.say(MORE[1]);
    await sara.hears(1);
    // Said on Charla: it is the last for everybody who hears acme.
    const LAST = ["acme", "visto"];
    await clara.say(LAST[1]);
    for (const each of [ana, ines]) await each.hears(4);
    await clara.hears(2);
    // Python writes a space after each colon: that is how uvicorn's frames are told.
    const under = (person) => (person.frames[0].startsWith('{"autor": ') ? "uvicorn" : "charla");
    assert.deepEqual([ana, clara, ines, sara].map(under), ["uvicorn", "charla", "uvicorn", "charla"]);
    for (const each of [ana, ines]) assert.deepEqual(heard(each), [SECRET, HELLO, MORE, LAST], each.name);
    assert.deepEqual(heard(clara), [SECRET, LAST]);
    assert.deepEqual(heard(sara), [MORE]);
    for (const each of [ana, clara, ines, sara]) await each.leave();
  } finally {
    await site.end();
  }
});

test("a token of acme at globex: Channels takes it for globex' user of that number, Charla does not where the token names its company", async () => {
  const site = await Site.start(world, { chat: "uvicorn", both: true });
  try {
    for (const [door, claims, isIn] of [
      ["uvicorn", {}, true],
      ["uvicorn", { tenant: "acme" }, true],
      ["charla", {}, true],
      // Whether the other company has such a chat is none of its business.
      ["charla", { tenant: "acme" }, false],
      ["charla", { tenant: "globex" }, true],
    ]) {
      const socket = new WebSocket(site.socket("globex", "5", token(1, 300, claims), door));
      const ending = once(socket, "close");
      if (isIn) {
        await once(socket, "open");
        socket.send(JSON.stringify({ texto: "hola", oportunidad_id: 7 }));
        assert.equal(JSON.parse((await once(socket, "message"))[0]).autor, "ines");
        socket.close();
      }
      const [code, reason] = await ending;
      if (!isIn) assert.equal(`${code} ${reason}`, "4404 chat_not_found");
    }
  } finally {
    await site.end();
  }
});
