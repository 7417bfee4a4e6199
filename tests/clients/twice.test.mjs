/** @file The guide's other bug: who says the same words twice is heard twice. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Lab } from "./lab.mjs";

/** @type {Lab} */
let lab;
before(async () => {
  lab = await Lab.start();
});
after(() => lab?.end());

test('saying "ok" twice arrives twice, in both browsers', async () => {
  const enter = (user) => lab.visit({ title: "", url: lab.address("twice"), token: () => lab.token(user) });
  const [ana, luis] = await Promise.all([enter("ana"), enter("luis")]);
  for (const visitor of [ana, luis]) await visitor.until({ name: "connected" });
  await luis.page.evaluate((chat) => globalThis.client.subscribe(chat), lab.demo.about.chat);
  const say = (text) => ana.page.evaluate(([chat, words]) => globalThis.client.send(chat, words), [lab.demo.about.chat, text]);
  const acks = [await say("ok"), await say("ok")];
  assert.equal(acks[1].seq, acks[0].seq + 1);
  for (const visitor of [ana, luis]) {
    await visitor.page.waitForFunction(() => globalThis.messages.length >= 2);
    const heard = await visitor.page.evaluate(() => globalThis.messages.map(({ seq, text }) => [seq, text]));
    assert.deepEqual(heard, acks.map(({ seq }) => [seq, "ok"]));
    await visitor.leave();
  }
});
