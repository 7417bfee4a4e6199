/** @file The page itself is the reason: offline, frozen, mixed content, its own content policy. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Door, HANDSHAKES, Line } from "./doors.mjs";
import { Lab } from "./lab.mjs";
import { assertTranscript } from "./transcript.mjs";

/** @type {Lab} */
let lab;
before(async () => {
  lab = await Lab.start();
});
after(() => lab?.end());

const socket = (port, host = "127.0.0.1") => `ws://${host}:${port}/ws/chat/5/`;
const line = () => Line.lay(new URL(lab.demo.url).host);

/** The page's own rules forbid it: one attempt, which never leaves the browser. */
async function assertForbidden(file, cause, options) {
  const door = await Door.open(HANDSHAKES.hangsUp);
  const visitor = await lab.visit({ ...options, url: socket(door.port, options.host) });
  await visitor.until({ name: "disabled" });
  const { cause: last, code, spent } = await visitor.state();
  assert.deepEqual([last, code, spent], [cause, 1006, 1]);
  assert.deepEqual([door.handshakes, door.requests], [0, 0]);
  await assertTranscript(file, visitor, "nothing");
  await visitor.leave();
  await door.close();
}

describe("the page", { concurrency: 2 }, () => {
  for (const lang of ["es", "en"]) {
    test(`mixed content (${lang})`, async () => {
      const title = "A page that came over https asks for ws://.";
      const origin = `https://page.charla.test:${lab.ports.https}`;
      await assertForbidden(`mixed-content.${lang}`, "mixed_content", { title, lang, origin, host: "chat.charla.test" });
    });
  }

  test("a content policy without the server", async () => {
    const title = "The page's Content-Security-Policy does not list the server (connect-src 'self').";
    await assertForbidden("content-policy", "csp_blocked", { title, at: "/strict/" });
  });

  test("offline and back", async () => {
    const title = "The device loses its network and finds it again.";
    const wire = await line();
    const visitor = await lab.visit({ title, clock: true, url: socket(wire.port) });
    await visitor.arrive();
    await visitor.pass(11_000);
    await visitor.context.setOffline(true);
    wire.cut();
    await visitor.until({ name: "waiting", cause: "offline", held: "offline" });
    await visitor.pass(3_600_000);
    assert.equal(wire.handshakes, 1, "an hour offline spends nothing");
    await visitor.context.setOffline(false);
    const length = await visitor.until({ name: "waiting", held: null });
    await visitor.pass(1_000);
    await visitor.until({ name: "connected" }, length);
    assert.equal(wire.handshakes, 2);
    await assertTranscript("offline", visitor, "2 handshakes: before, and once the network was back");
    await visitor.leave();
    await wire.remove();
  });

  test("frozen, and thawed", async () => {
    const title = "The browser freezes the tab, and ends its connection with it; later the tab is thawed.";
    const wire = await line();
    const visitor = await lab.visit({ title, context: await lab.bareContext(), url: socket(wire.port), policy: { stableMs: 50 } });
    await visitor.arrive();
    // sleeps because the connection has to last for a moment before it counts as stable
    await visitor.page.waitForTimeout(500);
    await visitor.hide();
    await visitor.freeze();
    // sleeps because a frozen page can be asked nothing, and has time for attempts that must not come
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.equal(wire.handshakes, 1);
    await visitor.thaw();
    const length = await visitor.until({ name: "waiting", cause: "page_frozen", held: "hidden" });
    assert.equal(wire.handshakes, 1, "nobody is looking yet");
    await visitor.show();
    await visitor.until({ name: "connected" }, length);
    assert.equal(wire.handshakes, 2);
    await assertTranscript("frozen", visitor, "2 handshakes: before, and after the tab was thawed");
    await visitor.leave();
    await wire.remove();
  });

  test("the line goes dead while the tab is hidden: asked when somebody looks again, then connected anew", async () => {
    const title = "The line goes dead without a word while the tab is hidden.";
    const wire = await line();
    const policy = { stableMs: 50, probeMs: 500 };
    const visitor = await lab.visit({ title, context: await lab.bareContext(), url: socket(wire.port), policy });
    await visitor.arrive();
    await visitor.hide();
    wire.die();
    // sleeps because silence has to last for a while before it is asked about
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    wire.revive();
    assert.equal((await visitor.state()).name, "connected");
    await visitor.show();
    const length = await visitor.until({ name: "waiting", cause: "heartbeat_timeout" });
    await visitor.until({ name: "connected" }, length);
    assert.equal(wire.handshakes, 2);
    await assertTranscript("dead-line", visitor, "2 handshakes: before, and after nothing had answered the ping");
    await visitor.leave();
    await wire.remove();
  });
});
