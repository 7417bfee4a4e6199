import assert from "node:assert/strict";
import { test } from "node:test";
import { Cursor } from "../src/cursor.js";

const seqs = (messages) => messages.map(({ seq }) => seq);

test("in order, each once", () => {
  const cursor = new Cursor({ after: 4 });
  const seen = [5, 6, 6, 5, 7, 2].flatMap((seq) => seqs(cursor.accept({ seq }).deliver));
  assert.deepEqual(seen, [5, 6, 7]);
});

test("a gap is asked for once, and mended in order", () => {
  const cursor = new Cursor({ after: 4 });
  assert.deepEqual(cursor.accept({ seq: 8 }), { deliver: [], missing: { before: 8, limit: 3 } });
  assert.deepEqual(cursor.accept({ seq: 9 }), { deliver: [], missing: null });
  assert.deepEqual(seqs(cursor.fill([{ seq: 5 }, { seq: 6 }, { seq: 7 }])), [5, 6, 7, 8, 9]);
  assert.equal(cursor.seq, 9);
});

test("a gap that nobody can fill does not hold up the rest", () => {
  const cursor = new Cursor({ after: 4 });
  cursor.accept({ seq: 8 });
  assert.deepEqual(seqs(cursor.fill([{ seq: 6 }])), [6, 8]);
});

test("a jump starts anew", () => {
  const cursor = new Cursor();
  cursor.jump({ seq: 120, rev: 3 });
  assert.deepEqual(seqs(cursor.accept({ seq: 121 }).deliver), [121]);
  cursor.revised(2);
  assert.equal(cursor.rev, 3);
});

test("a store that was put back is begun anew, though its numbers are lower", () => {
  const cursor = new Cursor({ after: 120, rev: 7 });
  assert.deepEqual(cursor.place, { after: 120, rev: 7, epoch: undefined });
  cursor.entered({ seq: 121, rev: 7, epoch: 1, resumed: true });
  assert.deepEqual(cursor.place, { after: 120, rev: 7, epoch: 1 });
  cursor.entered({ seq: 100, rev: 3, epoch: 2, resumed: false });
  assert.deepEqual(cursor.place, { after: 100, rev: 3, epoch: 2 });
  assert.deepEqual(seqs(cursor.accept({ seq: 101 }).deliver), [101]);
});
