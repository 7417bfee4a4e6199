import assert from "node:assert/strict";
import { test } from "node:test";

import { entryChatOf, redacted, socketUrl, steady, uuid, withParameters } from "../src/address.js";

test("an id says when it was made, and is a UUID of version 7", () => {
  const id = uuid(1795428000123);
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16), 1795428000123);
  assert.ok(uuid(1795428000124) > id);
  assert.notEqual(uuid(1795428000123), id);
});

test("an address may be given as the page knows it", () => {
  assert.equal(socketUrl("https://chat.example/ws/").href, "wss://chat.example/ws/");
  assert.equal(socketUrl("http://chat.example:9001/ws/").href, "ws://chat.example:9001/ws/");
  assert.equal(socketUrl("wss://chat.example/ws/#top").href, "wss://chat.example/ws/");
  assert.equal(entryChatOf(new URL("wss://chat.example/ws/chat/a%5Fb/")), "a_b");
  assert.equal(entryChatOf(new URL("wss://chat.example/ws/")), null);
});

test("parameters without a value are left out, others are kept", () => {
  const url = withParameters(new URL("wss://chat.example/ws/?tenant=acme"), { attempt: "a1", after: 0, rev: null, token: undefined });
  assert.equal(url.href, "wss://chat.example/ws/?tenant=acme&attempt=a1&after=0");
});

for (const [text, shown] of [
  ["wss://h/ws/?token=abc&tenant=acme&attempt=1&after=5", "wss://h/ws/?token=***&tenant=acme&attempt=1&after=5"],
  ["wss://h/ws/?access_token=abc&ticket=T1&key=k", "wss://h/ws/?access_token=***&ticket=***&key=***"],
  ["wss://ana:s3cr3t@h:9001/ws/ and ws://h/@b", "wss://***@h:9001/ws/ and ws://h/@b"],
  ["wss://h/ws/?revision_key=k&tenant_token=t&rev=7", "wss://h/ws/?revision_key=***&tenant_token=***&rev=7"],
  ["token_invalid: eyJhbGciOiJub25lIn0.eyJhIjoxfQ.c2ln is not known", "token_invalid: *** is not known"],
  ["the key s3cret~1 is not known", "the key *** is not known"],
  ["retry in 734 ms", "retry in 734 ms"],
]) {
  test(`shown as ${shown}`, () => assert.equal(redacted(text, "s3cret~1"), shown));
}

test("a clock that is set back goes on from where it was", () => {
  const shown = [100, 105, 40, 42, 43, 30, 31];
  const now = steady(() => shown.shift());
  assert.deepEqual(Array.from({ length: 7 }, now), [100, 105, 105, 107, 108, 108, 109]);
});
