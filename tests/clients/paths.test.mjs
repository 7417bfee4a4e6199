/** @file What stands between page and server does harm: nginx without Upgrade, nginx that cuts what stays quiet. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Lab } from "./lab.mjs";
import { assertTranscript } from "./transcript.mjs";

const ALL = 15;
/** Longer than nginx is willing to wait below. */
const QUIET = { "liveness.ping_after": "120s" };
/** The default policy at a hundredth of its waits. */
const HASTY = { firstDelayMs: 10, maxDelayMs: 600 };

/** @type {Lab} */
let lab;
before(async () => {
  lab = await Lab.start({ settings: QUIET });
});
after(() => lab?.end());

describe("on the way", { concurrency: 3 }, () => {
  test("nginx drops the Upgrade header", async () => {
    const title = "nginx does not pass the Upgrade header on.";
    const visitor = await lab.visit({ title, clock: true, url: lab.address("stripped", { by: "/stripped" }) });
    await visitor.giveUp();
    assert.equal((await visitor.state()).cause, "proxy_no_upgrade");
    assert.deepEqual(await lab.handshakes("stripped", 1), [426]);
    assert.equal(await lab.figure("charla_handshakes_total", '{outcome="proxy_no_upgrade"}'), 1);
    await assertTranscript("upgrade-stripped", visitor, "1 handshake without Upgrade, answered 426");
    await visitor.leave();
  });

  test("nginx cuts what stays quiet for five seconds", async () => {
    const title = "nginx cuts connections that stay quiet (proxy_read_timeout 5s).";
    const visitor = await lab.visit({ title, url: lab.address("cut", { by: "/cut" }) });
    await visitor.arrive();
    await visitor.until({ name: "waiting", cause: "proxy_read_timeout" });
    await visitor.until({ name: "connected", attempt: 2 });
    await assertTranscript("idle-cut", visitor, "2 handshakes, both accepted; 5 s later the first connection was gone");
    await visitor.leave();
    assert.deepEqual(await lab.handshakes("cut", 2), [101, 101]);
  });

  test("a proxy that cuts every connection before it is stable is tried fifteen times", async () => {
    const title = "nginx cuts connections after a second: none is ever stable. (Waits at a hundredth.)";
    const visitor = await lab.visit({ title, policy: HASTY, url: lab.address("cuts", { by: "/cuts" }) });
    await visitor.until({ name: "disabled" });
    assert.equal((await visitor.state()).cause, "proxy_closed_silently");
    const names = (await visitor.states()).map((state) => state.split(" ")[0]);
    assert.equal(names.filter((name) => name === "connected").length, ALL);
    assert.match(visitor.lines.at(-2), /^❌ MÁXIMO DE INTENTOS ALCANZADO\. /);
    await visitor.leave();
    assert.deepEqual(await lab.handshakes("cuts", ALL), Array(ALL).fill(101));
  });
});
