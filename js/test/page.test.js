import assert from "node:assert/strict";
import { test } from "node:test";

import { watchPage } from "../src/page.js";

/** A page: a window and a document that only say what the test has them say. */
function page(t, { hidden = false, onLine = true } = {}) {
  const window = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: hidden ? "hidden" : "visible" });
  const before = Object.getOwnPropertyDescriptors(globalThis);
  const put = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  for (const name of ["addEventListener", "removeEventListener"]) put(name, window[name].bind(window));
  put("document", document);
  put("navigator", { onLine });
  t.after(() => {
    for (const name of ["addEventListener", "removeEventListener", "document", "navigator"]) {
      if (before[name]) Object.defineProperty(globalThis, name, before[name]);
      else delete globalThis[name];
    }
  });
  const fire = (target, type, fields) => target.dispatchEvent(Object.assign(new Event(type), fields));
  return { window: (type, fields) => fire(window, type, fields), document: (type, fields) => fire(document, type, fields), seen: document };
}

test("network, sleep and visibility are told, until the watch ends", (t) => {
  const it = page(t);
  const told = [];
  const end = watchPage((type) => told.push(type), () => {});
  it.window("offline");
  it.window("online");
  it.seen.visibilityState = "hidden";
  it.document("visibilitychange");
  it.document("freeze");
  it.document("resume");
  it.seen.visibilityState = "visible";
  it.document("visibilitychange");
  it.window("pageshow", { persisted: false });
  it.window("pageshow", { persisted: true });
  end();
  it.window("offline");
  it.document("freeze");
  assert.deepEqual(told, ["offline", "online", "hidden", "frozen", "resumed", "visible", "resumed"]);
});

test("what already holds is told at once", (t) => {
  page(t, { hidden: true, onLine: false });
  const told = [];
  watchPage((type) => told.push(type), () => {});
  assert.deepEqual(told, ["hidden", "offline"]);
});

test("only what the content policy enforces is told", (t) => {
  const it = page(t);
  const blocked = [];
  watchPage(() => {}, (uri) => blocked.push(uri));
  it.window("securitypolicyviolation", { disposition: "report", blockedURI: "wss://a.example/ws/" });
  it.window("securitypolicyviolation", { disposition: "enforce", blockedURI: "wss://b.example/ws/" });
  assert.deepEqual(blocked, ["wss://b.example/ws/"]);
});

test("where there is no page there is nothing to watch", () => {
  watchPage(() => assert.fail("nothing to tell"), () => {})();
});
