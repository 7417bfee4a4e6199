/** @file The ledger sees whatever goes wrong: each of it is done once here. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Ledger } from "./ledger.mjs";

const client = (tenant, chat, side) => ({ tenant, chat, side, name: `${tenant}/${chat}/${side}` });
const ana = client("acme", "5", "uvicorn");
const clara = client("acme", "5", "charla");
const luis = client("acme", "6", "charla");
const ines = client("globex", "5", "charla");
const HOLA = { tenant: "acme", texto: "hola" };

/** Ana says hola under uvicorn, and these hear it. */
function heardBy(...clients) {
  const ledger = new Ledger([ana, clara, luis, ines]);
  ledger.say(ana, "hola");
  for (const each of clients) ledger.hear(each, HOLA);
  return ledger;
}

test("all is well", () => {
  const ledger = heardBy(ana, clara);
  assert.deepEqual(ledger.count(), { bridged: 1, lost: 0, duplicated: 0, crossed_tenants: 0 });
  assert.ok(ledger.isRight(1));
  assert.ok(!ledger.isRight(2), "a message that nobody said is missing too");
});

for (const [what, clients, count] of [
  ["nobody hears", [], { bridged: 0, lost: 2 }],
  ["the other side does not hear", [ana], { bridged: 0, lost: 1 }],
  ["the sender's own side does not hear", [clara], { bridged: 1, lost: 1 }],
  ["somebody hears twice", [ana, clara, clara], { bridged: 1, duplicated: 1 }],
  ["another company hears", [ana, clara, ines], { bridged: 1, crossed_tenants: 1 }],
  ["another chat hears", [ana, clara, luis], { bridged: 1 }],
]) {
  test(what, () => {
    const ledger = heardBy(...clients);
    assert.deepEqual(ledger.count(), { bridged: 0, lost: 0, duplicated: 0, crossed_tenants: 0, ...count });
    assert.ok(!ledger.isRight(1));
  });
}

test("a frame that names another company crosses, whoever hears it", () => {
  const ledger = heardBy(ana);
  ledger.hear(clara, { ...HOLA, tenant: "globex" });
  assert.deepEqual(ledger.count(), { bridged: 0, lost: 1, duplicated: 0, crossed_tenants: 1 });
});

test("a frame that nobody said", () => {
  const ledger = heardBy(ana, clara);
  ledger.hear(ana, { error: "no" });
  assert.deepEqual(ledger.strange, ['acme/5/uvicorn heard {"error":"no"}']);
  assert.ok(!ledger.isRight(1));
});

test("it tells when everybody has heard, and who has not", () => {
  const ledger = heardBy(ana);
  assert.deepEqual(ledger.missing(), [["hola", ["acme/5/charla"]]]);
  assert.equal(ledger.hear(clara, HOLA), true);
  assert.equal(ledger.hear(clara, HOLA), false);
  assert.deepEqual(ledger.missing(), []);
});

test("the sweep is not counted as bridged, and must be heard all the same", () => {
  const ledger = heardBy(ana, clara);
  ledger.say(clara, "barrido", true);
  assert.deepEqual(ledger.count(), { bridged: 1, lost: 2, duplicated: 0, crossed_tenants: 0 });
  for (const each of [ana, clara]) ledger.hear(each, { tenant: "acme", texto: "barrido" });
  assert.ok(ledger.isRight(1));
});
