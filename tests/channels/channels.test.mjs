/** @file The legacy entry against Django Channels itself: it talks, comes back, counts to fifteen, and claims to know nothing that it cannot. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { expired } from "./asgi.mjs";
import { Stack } from "./stack.mjs";

const ALL = 15;
/** Where fifteen would prove no more: Chromium slows a page down whose handshakes keep failing, from the twelfth on. */
const FEW = 6;
const LOOK_EVERY_MS = 20;

/** @type {Stack} */
let stack;
before(async () => {
  stack = await Stack.start();
});
after(() => stack?.end());

const times = (count, value) => Array.from({ length: count }, () => value);
const say = (visitor, texto) => visitor.page.evaluate((text) => globalThis.client.send({ texto: text, oportunidad_id: 7 }), texto);

/** What a page has heard, once it is so many. */
async function heard(visitor, count) {
  await visitor.page.waitForFunction((wanted) => globalThis.messages.length >= wanted, count, { polling: LOOK_EVERY_MS });
  return visitor.page.evaluate(() => globalThis.messages);
}

/** What the plain requests of this page were answered, and what was made of it. */
async function answers({ page }) {
  const notes = await page.evaluate(() => globalThis.client.report().notes);
  return notes.filter(({ kind, phase }) => kind === "preflight" && phase === "answered").map(({ status, problem }) => [status, problem?.cause ?? null]);
}

for (const kind of ["uvicorn", "daphne"]) {
  test(`two browsers talk under ${kind}; saying ok twice arrives twice`, async () => {
    const url = stack.address(`talk-${kind}`, kind === "daphne" ? "/daphne/ws/chat/5/" : undefined);
    const ana = await stack.visit({ url });
    // The other way to bring a token: it stands in nobody's log.
    const clara = await stack.visit({ url: url.replace("talk", "quiet"), user: "clara", tokenIn: "protocol" });
    for (const visitor of [ana, clara]) await visitor.until({ name: "connected" });
    await say(ana, "ok");
    await say(ana, "ok");
    await heard(clara, 2);
    await say(clara, "dígame");
    const from = (autor, texto) => ({ texto, oportunidad_id: 7, autor, tenant: "acme" });
    const talk = [from("ana", "ok"), from("ana", "ok"), from("clara", "dígame")];
    for (const visitor of [ana, clara]) assert.deepEqual(await heard(visitor, 3), talk);
    const { access } = await stack[kind].signIn("clara");
    await stack[kind].post("/api/chats/5/close/", {}, access);
    const end = { type: "chat_closed", mensaje: "El chat fue cerrado.", cerrado_por: "clara" };
    for (const visitor of [ana, clara]) {
      assert.deepEqual(await heard(visitor, 4), [...talk, end]);
      await visitor.leave();
    }
    assert.equal(stack[kind].warnings(/quiet.*eyJ/), 0);
  });
}

test("killed with kill -9 and started again: the page comes back, and says what it was told to say meanwhile", async () => {
  const visitor = await stack.visit({ title: "uvicorn is killed while the page is connected, and started again.", url: stack.address("killed"), clock: true });
  await visitor.until({ name: "connected" });
  await visitor.pass(11_000);
  await stack.uvicorn.down("SIGKILL");
  await visitor.until({ name: "waiting", cause: "server_down" });
  await visitor.page.evaluate(() => {
    globalThis.told = ["¿hay alguien?", "ok", "ok"].map((texto) => globalThis.client.send({ texto }));
  });
  await visitor.pass(1_000);
  await visitor.until({ name: "waiting", attempt: 2 });
  await stack.uvicorn.up();
  await visitor.pass(2_000);
  await visitor.until({ name: "connected", attempt: 2 });
  await visitor.page.evaluate(() => Promise.all(globalThis.told));
  assert.deepEqual((await heard(visitor, 3)).map(({ texto }) => texto), ["¿hay alguien?", "ok", "ok"]);
  assert.deepEqual(await stack.uvicorn.handshakes("lab=killed&", 2), [101, 101]);
  await stack.transcript("killed", visitor, "2 handshakes, before and after, both accepted");
  await visitor.leave();
});

test("nobody listens at all: that much is certain", async () => {
  const visitor = await stack.visit({ url: `ws://127.0.0.1:${stack.ports.nobody}/ws/chat/5/`, clock: true });
  await visitor.until({ name: "waiting", cause: "server_unreachable", code: 1006 });
  await visitor.leave();
});

/** The page fails until it gives up, having named nothing that it cannot know. */
async function givesUp({ cause = null, code = 1006, all = ALL, ...options }) {
  const visitor = await stack.visit({ clock: true, policy: { attempts: all / 3 }, ...options });
  await visitor.giveUp();
  const { name, exhausted, spent, ...state } = await visitor.state();
  assert.deepEqual({ name, exhausted, spent, cause: state.cause, code: state.code }, { name: "disabled", exhausted: true, spent: all, cause, code });
  assert.equal(visitor.asked.length, 3, "one token a cycle");
  assert.equal(visitor.sockets, all);
  // A day later it has tried no more.
  await visitor.pass(86_400_000);
  assert.equal((await visitor.state()).name, "disabled");
  return visitor;
}

describe("as many attempts as the policy has and no more, as the server's own log counts them", { concurrency: 3 }, () => {
  test("accepted, and the consumer falls over: daphne says 1011", async () => {
    const visitor = await givesUp({ url: stack.address("falling", "/daphne/ws/falling/5/"), all: FEW, cause: "internal_error", code: 1011 });
    assert.equal((await stack.daphne.handshakes("/ws/falling/5/", FEW)).length, FEW);
    await visitor.leave();
  });

  test("an expired token: fifteen times 403, which the page sees as 1006; the guide's lines, in its order", async () => {
    const title = "The token has run out, and so has every other one: Channels closes with 4401 before accepting.";
    const visitor = await givesUp({ title, url: stack.address("expired"), token: expired });
    assert.deepEqual(await stack.uvicorn.handshakes("lab=expired&", ALL), times(ALL, 403));
    assert.deepEqual(await answers(visitor), times(3, [404, null]));
    await stack.transcript("expired", visitor, `${ALL} handshakes at uvicorn, each answered 403`);
    // The guide's page, as it stands there; its `...` within braces or quotes stands for what differs.
    const guide = [
      "🔄 Solicitando URL con token actualizado (intento 1/3)...",
      "🔌 Conectando WebSocket: {url: '...', intento: 1}",
      "❌ Error en WebSocket: {...}",
      "🔌 WebSocket cerrado: {code: 1006, ...}",
      "⚠️ Primera conexión falló con código 1006. Reintentando en 1s...",
      "🔌 Conectando WebSocket: {url: '...', intento: 2}",
      "🔌 Conectando WebSocket: {url: '...', intento: 15}",
      "❌ MÁXIMO DE INTENTOS ALCANZADO. WebSocket deshabilitado. Recarga la página para reintentar.",
    ];
    const inGuide = visitor.lines.map((line) => line.replace(/url: '[^']*'/, "url: '...'").replace(/(Error en WebSocket: \{).*\}/, "$1...}").replace(/(code: 1006, ).*\}/, "$1...}"));
    assert.deepEqual(inGuide.slice(0, 6), guide.slice(0, 6), "the first lines are the guide's, with nothing between them");
    assert.ok(inGuide.includes(guide[6]));
    assert.equal(inGuide.at(-1), guide[7]);
    await visitor.leave();
  });

  test("no such chat and not a member look the same from the page, under daphne too", async () => {
    const visitor = await givesUp({ url: stack.address("nochat", "/daphne/ws/chat/777/"), all: FEW });
    assert.equal((await stack.daphne.handshakes("/ws/chat/777/", FEW)).length, FEW);
    assert.equal(stack.daphne.warnings(/chat 777 -> 4404/), FEW);
    await visitor.leave();
  });

  test("a path without a route: Channels raises, uvicorn answers 500, nothing is made up", async () => {
    const visitor = await givesUp({ url: stack.address("nowhere", "/ws/nada/5/"), all: FEW });
    // uvicorn writes no line of its own about a handshake that ended in an exception: nginx counts it, and the exceptions are counted.
    assert.deepEqual(await stack.handshakes("nowhere", FEW), times(FEW, 500));
    assert.equal(stack.uvicorn.warnings(/^ValueError: No route found for path 'ws\/nada\/5\/'/), FEW);
    assert.deepEqual(await answers(visitor), times(3, [404, null]));
    await visitor.leave();
  });

  test("accepted and closed at once, fifteen times", async () => {
    const visitor = await givesUp({ url: stack.address("flapping", "/ws/flapping/5/"), code: 1000 });
    assert.deepEqual(await stack.uvicorn.handshakes("lab=flapping&", ALL), times(ALL, 101));
    await visitor.leave();
  });

  test("accepted, and the consumer falls over: uvicorn hangs up without a word", async () => {
    const visitor = await givesUp({ url: stack.address("falling", "/ws/falling/5/") });
    assert.deepEqual(await stack.uvicorn.handshakes("lab=falling&", ALL), times(ALL, 101));
    await visitor.leave();
  });
});

describe("one look is enough", { concurrency: 2 }, () => {
  test("an expired token and a good one after it: the next cycle brings it, the page comes in", async () => {
    const { refresh } = await stack.uvicorn.signIn("ana");
    const token = async (_, nth) => (nth === 1 ? expired() : (await stack.uvicorn.post("/api/token/refresh/", { refresh })).access);
    const visitor = await stack.visit({ url: stack.address("renewed"), token, clock: true });
    while ((await visitor.settle()) === "waiting") await visitor.pass();
    assert.equal((await visitor.state()).name, "connected");
    assert.deepEqual(await stack.uvicorn.handshakes("lab=renewed&", 6), [...times(5, 403), 101]);
    assert.equal(visitor.asked.length, 2);
    await visitor.leave();
  });

  for (const [what, options, count] of [
    ["not a member", { user: "luis" }, /Usuario luis, chat 5 -> 4403/],
    ["a page of another site, which Channels refuses without a word", { origin: (port) => `http://other.charla.test:${port}` }, null],
  ]) {
    test(`${what}: 403, cause unknown`, async () => {
      const name = count ? "member" : "origin";
      const origin = options.origin?.(stack.ports.http);
      const visitor = await stack.visit({ url: stack.address(name), clock: true, ...options, origin });
      assert.equal(await visitor.settle(), "waiting");
      assert.deepEqual(await stack.uvicorn.handshakes(`lab=${name}&`, 1), [403]);
      if (count) assert.equal(stack.uvicorn.warnings(count), 1);
      const { cause, code } = await visitor.state();
      assert.deepEqual([cause, code], [null, 1006]);
      await visitor.leave();
    });
  }

  // The page of a single-page application is what Django, too, may have at that address.
  for (const [what, path, status] of [
    ["a page answers instead", "/spa/ws/chat/5/", 200],
    ["the proxy strips the upgrade", "/stripped/ws/chat/5/", 404],
  ]) {
    test(`${what}: ${status} to a plain request proves nothing`, async () => {
      const visitor = await stack.visit({ url: stack.address("plain", path), clock: true });
      assert.equal(await visitor.settle(), "waiting");
      assert.deepEqual(await answers(visitor), [[status, null]]);
      assert.equal((await visitor.state()).cause, null);
      await visitor.leave();
    });
  }
});

describe("a consumer that accepts first and judges then is heard", { concurrency: 2 }, () => {
  const late = (name, chat = 5) => stack.address(name, `/ws/late/${chat}/`);

  test("4401: a new token is asked for at once, and lets the page in", async () => {
    const token = async (_, nth) => (nth === 1 ? expired() : (await stack.uvicorn.signIn("ana")).access);
    const visitor = await stack.visit({ title: "The token has run out; Channels accepts first and closes with 4401 then.", url: late("late"), token });
    await visitor.until({ name: "connected" }, await visitor.until({ name: "refreshing", cause: "token_invalid", code: 4401 }));
    assert.deepEqual(visitor.asked.map(({ refused }) => refused), [null, "token_invalid"]);
    assert.deepEqual(await stack.uvicorn.handshakes("lab=late&", 2), [101, 101]);
    await stack.transcript("accepted-4401", visitor, "2 handshakes, both accepted, the first closed with 4401");
    await visitor.leave();
  });

  for (const [name, code, cause, handshakes, options] of [
    ["again", 4401, "token_invalid", 2, { token: expired }],
    ["stranger", 4403, "not_a_member", 1, { user: "luis" }],
    ["unknown", 4404, "chat_not_found", 1, {}],
  ]) {
    test(`${code} ends it: ${cause}`, async () => {
      const visitor = await stack.visit({ url: late(name, code === 4404 ? 777 : 5), ...options });
      await visitor.until({ name: "disabled", cause, code, exhausted: false });
      assert.deepEqual(await stack.uvicorn.handshakes(`lab=${name}&`, handshakes), times(handshakes, 101));
      await visitor.leave();
    });
  }
});
