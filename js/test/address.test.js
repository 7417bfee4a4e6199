import assert from "node:assert/strict";
import { test } from "node:test";

import { uuid } from "../src/address.js";

test("an id says when it was made, and is a UUID of version 7", () => {
  const id = uuid(1795428000123);
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16), 1795428000123);
  assert.ok(uuid(1795428000124) > id);
  assert.notEqual(uuid(1795428000123), id);
});
