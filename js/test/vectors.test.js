/** @file The vectors that every implementation of the protocol is held to. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { problemOfClose } from "../src/closes.js";

const { closes, foreign } = JSON.parse(readFileSync(new URL("../../protocol/vectors/closes.json", import.meta.url), "utf8"));

test("closes are read as the server means them, and others as best they can be", () => {
  for (const { code, reason, cause, retry, detail, retry_in_ms: retryInMs } of [...closes, ...foreign]) {
    const expected = { cause, code, retry, ...(detail && { detail }), ...(retryInMs !== undefined && { retryInMs }) };
    assert.deepEqual(problemOfClose(code, reason), expected, reason);
  }
});
