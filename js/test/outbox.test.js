import assert from "node:assert/strict";
import { test } from "node:test";
import { Outbox } from "../src/outbox.js";

const message = (n, text = "hola", queuedAt = 0) => ({ id: `id-${n}`, chat: "5", text, queuedAt });
const take = (outbox, now = 0) => ids(outbox.take(now, () => true));
const ids = (entries) => entries.map(({ id }) => id);

test("sends go out in order, once", () => {
  const outbox = new Outbox();
  for (const n of [1, 2, 3]) assert.ok(outbox.add(message(n)));
  assert.deepEqual(take(outbox), ["id-1", "id-2", "id-3"]);
  assert.deepEqual(take(outbox), []);
});

test("saying ok twice is two messages; the same id is one", () => {
  const outbox = new Outbox();
  outbox.add(message(1, "ok"));
  outbox.add(message(2, "ok"));
  outbox.add(message(2, "ok"));
  assert.equal(outbox.size, 2);
});

test("after a reconnect what was not acknowledged goes out again under the same id", () => {
  const outbox = new Outbox();
  for (const n of [1, 2, 3]) outbox.add(message(n));
  take(outbox);
  assert.equal(outbox.remove("id-2").text, "hola");
  outbox.rewind();
  assert.deepEqual(take(outbox), ["id-1", "id-3"]);
});

test("the window bounds what is under way", () => {
  const outbox = new Outbox({ window: 2 });
  for (const n of [1, 2, 3]) outbox.add(message(n));
  assert.deepEqual(take(outbox), ["id-1", "id-2"]);
  assert.deepEqual(take(outbox), []);
  outbox.remove("id-1");
  assert.deepEqual(take(outbox), ["id-3"]);
});

test("full in count and full in bytes are refusals", () => {
  const few = new Outbox({ maxCount: 1 });
  assert.ok(few.add(message(1)));
  assert.equal(few.add(message(2)), false);
  const small = new Outbox({ maxBytes: 10 });
  assert.equal(small.add(message(1, "ñ".repeat(6)), 0), false, "bytes, not characters");
  assert.ok(small.add(message(2, "ñ".repeat(5)), 0));
  small.remove("id-2");
  assert.ok(small.add(message(3, "0123456789")), "room comes back");
});

test("what grows too old is handed back", () => {
  const outbox = new Outbox({ maxAgeMs: 1_000 });
  outbox.add(message(1));
  outbox.add(message(2, "hola", 500));
  assert.deepEqual(ids(outbox.expired(1_000)), ["id-1"]);
  assert.equal(outbox.deadline(0), 1_000, "when to look again");
});

test("a server's plea for patience holds all of them, and the one goes again", () => {
  const outbox = new Outbox();
  outbox.add(message(1));
  take(outbox);
  outbox.postpone("id-1", 900);
  outbox.add(message(2));
  assert.deepEqual(take(outbox, 899), []);
  assert.deepEqual(take(outbox, 900), ["id-1", "id-2"]);
});

test("a chat that was not entered yet waits, and holds up nobody else", () => {
  const outbox = new Outbox({ window: 1 });
  outbox.add(message(1));
  outbox.add({ ...message(2), chat: "7" });
  assert.deepEqual(ids(outbox.take(0, (chat) => chat === "7")), ["id-2"]);
});

test("the bytes of all that is removed or replaced are given back", () => {
  const outbox = new Outbox({ maxBytes: 10 });
  for (const text of ["0123456", "01", "0123456789"]) {
    outbox.add(message(1, text));
    outbox.remove("id-1");
    outbox.remove("id-1");
  }
  assert.ok(outbox.add(message(1, "01234")));
  assert.ok(outbox.add(message(1, "01234")));
  assert.ok(outbox.add(message(2, "01234")));
  assert.equal(outbox.add(message(3, "0")), false);
});
