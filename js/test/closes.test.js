import assert from "node:assert/strict";
import { test } from "node:test";

import { CAUSES } from "../src/causes.js";
import { problemOfClose, retryOf } from "../src/closes.js";

test("every close of the table of causes is read as the table says", () => {
  const closing = [...CAUSES.values()].filter(({ code }) => code > 0);
  assert.ok(closing.length > 30);
  for (const { id, code, retry } of closing) {
    assert.equal(retryOf(id, code), retry, id);
    assert.equal(problemOfClose(code, `${id}: why`).cause, id);
  }
});

test("a bare code stands for a cause of the table with the same code", () => {
  for (const { code } of CAUSES.values()) if (code > 0) assert.equal(CAUSES.get(problemOfClose(code).cause).code, code);
});

test("words of others are not taken for causes", () => {
  assert.deepEqual(problemOfClose(1011, "bye"), { cause: "internal_error", code: 1011, retry: "backoff", detail: "bye" });
  assert.deepEqual(problemOfClose(1000, "done"), { cause: null, code: 1000, retry: "backoff", detail: "done" });
  assert.deepEqual(problemOfClose(1006), { cause: null, code: 1006, retry: "backoff" });
  assert.equal(problemOfClose(4999, "no more").retry, "stop", "what an application refused is not retried");
});
