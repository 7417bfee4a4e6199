/** @file Files of messages, against a client and a fetch that write down what they are asked. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { attach, locate } from "../src/attach.js";

const upload = { id: "0190", name: "a.txt", method: "PUT", url: "/attachments/demo/0190?until=1&signature=ab", headers: { "content-type": "text/plain" } };

/** @param {any} answer What the server says. */
function client(answer) {
  /** @type {any[]} */
  const asked = [];
  return { asked, url: new URL("wss://chat.example/ws/chat/5/"), ask: async (/** @type {any} */ frame) => (asked.push(frame), answer) };
}

test("a file is announced, put where the server says, and named", async () => {
  const ours = client(upload);
  /** @type {any[]} */
  const put = [];
  const fetch = /** @type {any} */ (async (/** @type {URL} */ url, /** @type {any} */ request) => (put.push([url.href, request]), new Response(null, { status: 204 })));
  const file = new File(["hola"], "../a.txt", { type: "text/plain" });
  const attachment = await attach(ours, "5", file, { fetch });
  assert.deepEqual(ours.asked, [{ type: "attach", chat: "5", name: "../a.txt", media_type: "text/plain", bytes: 4 }]);
  assert.deepEqual(attachment, { id: "0190", name: "a.txt", type: "text/plain", bytes: 4 });
  const [[url, request]] = put;
  assert.equal(url, "https://chat.example/attachments/demo/0190?until=1&signature=ab");
  assert.equal(request.body, file);
  assert.deepEqual([request.method, request.headers, request.credentials], ["PUT", upload.headers, "omit"]);
});

test("who keeps the file says why not, or is away", async () => {
  const file = new Blob(["hola"], { type: "text/plain" });
  const problem = { cause: "attachment_too_large", retry: "stop", detail: "3 bytes were announced" };
  for (const [answer, cause, retry] of [
    [async () => Response.json(problem, { status: 413 }), "attachment_too_large", "stop"],
    [async () => new Response("<Error/>", { status: 403 }), "attachment_not_found", "stop"],
    [async () => new Response("", { status: 502 }), "attachment_storage_unavailable", "backoff"],
    [async () => { throw new TypeError("fetch failed"); }, "attachment_storage_unavailable", "backoff"],
  ]) {
    await assert.rejects(attach(client(upload), "5", file, { fetch: /** @type {any} */ (answer) }), { cause, retry });
  }
  const ended = AbortSignal.abort();
  const fetch = /** @type {any} */ (async () => ended.throwIfAborted());
  await assert.rejects(attach(client(upload), "5", file, { fetch, signal: ended }), { name: "AbortError" });
});

test("where a file can be fetched is an absolute address", async () => {
  const ours = client({ url: "https://s3.example/charla/x?y=z", until: "2026-11-28T16:00:00.000Z" });
  const { url, until } = await locate(ours, "5", "0190");
  assert.deepEqual(ours.asked, [{ type: "download", chat: "5", id: "0190" }]);
  assert.equal(url, "https://s3.example/charla/x?y=z");
  assert.equal(until.getTime(), Date.UTC(2026, 10, 28, 16));
});
