import assert from "node:assert/strict";
import { test } from "node:test";
import { Outbox } from "../src/outbox.js";

const message = (n, text = "hola") => ({ id: `id-${n}`, chat: "5", text });
const ids = (entries) => entries.map(({ id }) => id);

test("sends go out in order, once", () => {
  const outbox = new Outbox();
  for (const n of [1, 2, 3]) assert.ok(outbox.add(message(n), 0));
  assert.deepEqual(ids(outbox.take(0)), ["id-1", "id-2", "id-3"]);
  assert.deepEqual(outbox.take(0), []);
});

test("saying ok twice is two messages; the same id is one", () => {
  const outbox = new Outbox();
  outbox.add(message(1, "ok"), 0);
  outbox.add(message(2, "ok"), 0);
  outbox.add(message(2, "ok"), 0);
  assert.equal(outbox.size, 2);
});

test("after a reconnect what was not acknowledged goes out again under the same id", () => {
  const outbox = new Outbox();
  for (const n of [1, 2, 3]) outbox.add(message(n), 0);
  outbox.take(0);
  assert.equal(outbox.remove("id-2").text, "hola");
  outbox.rewind();
  assert.deepEqual(ids(outbox.take(0)), ["id-1", "id-3"]);
});

test("the window bounds what is under way", () => {
  const outbox = new Outbox({ window: 2 });
  for (const n of [1, 2, 3]) outbox.add(message(n), 0);
  assert.deepEqual(ids(outbox.take(0)), ["id-1", "id-2"]);
  assert.deepEqual(outbox.take(0), []);
  outbox.remove("id-1");
  assert.deepEqual(ids(outbox.take(0)), ["id-3"]);
});

test("full in count and full in bytes are refusals", () => {
  const few = new Outbox({ maxCount: 1 });
  assert.ok(few.add(message(1), 0));
  assert.equal(few.add(message(2), 0), false);
  const small = new Outbox({ maxBytes: 10 });
  assert.equal(small.add(message(1, "ñ".repeat(6)), 0), false, "bytes, not characters");
  assert.ok(small.add(message(2, "ñ".repeat(5)), 0));
  small.remove("id-2");
  assert.ok(small.add(message(3, "0123456789"), 0), "room comes back");
});

test("what grows too old is handed back", () => {
  const outbox = new Outbox({ maxAgeMs: 1_000 });
  outbox.add(message(1), 0);
  outbox.add(message(2), 500);
  assert.deepEqual(ids(outbox.expire(1_000)), ["id-1"]);
  assert.equal(outbox.size, 1);
});

test("a server's plea for patience holds all of them, and the one goes again", () => {
  const outbox = new Outbox();
  outbox.add(message(1), 0);
  outbox.take(0);
  outbox.postpone("id-1", 900);
  outbox.add(message(2), 10);
  assert.deepEqual(outbox.take(899), []);
  assert.deepEqual(ids(outbox.take(900)), ["id-1", "id-2"]);
});

test("drained is empty", () => {
  const outbox = new Outbox();
  outbox.add(message(1), 0);
  assert.deepEqual(ids(outbox.drain()), ["id-1"]);
  assert.equal(outbox.size, 0);
});
