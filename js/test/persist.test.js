/** What a real IndexedDB does is tried in a browser (`tests/browser/tabs.test.mjs`); here, what happens where there is none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { indexedDbQueue } from "../src/persist.js";

const ENTRY = { id: "0192", chat: "5", text: "hola", queuedAt: 1 };

/** Private mode of some browsers: it is there, and opening fails. */
function refusing(error) {
  return {
    open() {
      const request = { error };
      queueMicrotask(() => request.onerror());
      return request;
    },
  };
}

for (const [where, factory, detail] of [
  ["has none", undefined, "this browser has no IndexedDB"],
  ["refuses to open it", refusing(new Error("a mutation operation was attempted")), "a mutation operation was attempted"],
  ["throws at the touch", { open: () => { throw new Error("SecurityError"); } }, "SecurityError"],
]) {
  test(`a browser that ${where} is told once, and nothing throws`, async () => {
    const told = [];
    const queue = indexedDbQueue("acme/42", { indexedDB: factory, onError: (trouble) => told.push(trouble) });
    assert.deepEqual(await queue.load(), []);
    await queue.put(ENTRY);
    await queue.remove(ENTRY.id);
    await queue.clear();
    assert.deepEqual(told, [{ cause: "queue_unavailable", doing: "load", detail }]);
  });
}

test("a full disk costs the copy and not the page", async () => {
  const told = [];
  const quota = Object.assign(new Error("no space"), { name: "QuotaExceededError" });
  const queue = indexedDbQueue("acme/42", { indexedDB: opened(quota), onError: (trouble) => told.push(trouble) });
  await queue.put(ENTRY);
  await queue.put(ENTRY);
  assert.deepEqual(told, [{ cause: "queue_full", doing: "put", detail: "no space" }]);
});

test("a queue without a name would be everybody's", () => {
  assert.throws(() => indexedDbQueue(""), /needs the name/);
});

/** A database that takes every request and aborts every transaction. */
function opened(error) {
  const transaction = () => {
    const one = { error, objectStore: () => ({ put: () => ({}) }) };
    queueMicrotask(() => one.onabort());
    return one;
  };
  return {
    open() {
      const request = { result: { transaction } };
      queueMicrotask(() => request.onsuccess());
      return request;
    },
  };
}
