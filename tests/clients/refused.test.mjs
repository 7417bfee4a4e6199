/** @file Who may not enter is told why at once, and does not hammer the door. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Lab } from "./lab.mjs";
import { assertTranscript } from "./transcript.mjs";

/** @type {Lab} */
let lab;
before(async () => {
  lab = await Lab.start();
});
after(() => lab?.end());

/** @param {string} name @param {number} handshakes All of them answered 101: what a gate says stands in the close frame. */
async function assertRefused(name, { cause, code, handshakes, chat, file = name, ...options }) {
  const visitor = await lab.visit({ url: lab.address(name, { chat }), ...options });
  await visitor.until({ name: "disabled" });
  const { cause: last, code: said, willRetry } = await visitor.state();
  assert.deepEqual([last, said, willRetry], [cause, code, false]);
  const seen = await lab.handshakes(name, handshakes);
  assert.equal(seen.length, handshakes);
  assert.ok(seen.every((status) => status === 101));
  await assertTranscript(file, visitor, `${handshakes === 1 ? "1 handshake" : `${handshakes} handshakes`}, refused`);
  await visitor.leave();
}

const outcomes = (cause) => lab.figure("charla_handshakes_total", `{outcome="${cause}"}`);

describe("refused", { concurrency: 2 }, () => {
  test("the token has run out, and a new one is at hand", async () => {
    const token = (_, nth) => lab.token("ana", nth === 1 ? -60 : 900);
    const visitor = await lab.visit({ title: "The token has run out, and the page gets a good one.", url: lab.address("good"), token });
    await visitor.until({ name: "connected" });
    assert.deepEqual(visitor.asked.map(({ refused }) => refused), [null, "token_expired"]);
    await assertTranscript("token-expired", visitor, "2 handshakes: one refused, one accepted");
    await visitor.leave();
    assert.deepEqual(await lab.handshakes("good", 2), [101, 101]);
  });

  for (const lang of ["es", "en"]) {
    test(`the token has run out, and the new one has too (${lang})`, async () => {
      const title = "The token has run out, and so has the one that replaces it.";
      const token = () => lab.token("ana", -60);
      await assertRefused(`bad-${lang}`, { title, lang, token, cause: "token_expired", code: 4401, handshakes: 2, file: `token-expired-twice.${lang}` });
    });
  }

  test("the token has run out, and there will be no other", async () => {
    const title = "The token has run out, and the page says that there will be no other: the person must sign in again.";
    const token = (_, nth) => (nth === 1 ? lab.token("ana", -60) : { stop: "sign in again" });
    await assertRefused("none", { title, token, cause: "token_expired", code: 4401, handshakes: 1, file: "token-expired-no-other" });
  });

  test("not a member", async () => {
    const { chat } = await lab.demo.api("luis", "/api/v1/me/support-chat", "POST");
    const title = "Somebody else's chat.";
    await assertRefused("member", { title, chat, cause: "not_a_member", code: 4403, handshakes: 1, file: "not-a-member" });
    assert.equal(await outcomes("not_a_member"), 1);
  });

  for (const lang of ["es", "en"]) {
    test(`no such chat (${lang})`, async () => {
      const title = "A chat that does not exist.";
      await assertRefused(`chat-${lang}`, { title, lang, chat: "777", cause: "chat_not_found", code: 4404, handshakes: 1, file: `no-such-chat.${lang}` });
    });
  }
});

test("the server counted the same", async () => {
  assert.deepEqual(await Promise.all(["accepted", "token_expired", "not_a_member", "chat_not_found"].map(outcomes)), [1, 6, 1, 2]);
});
