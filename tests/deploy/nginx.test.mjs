/** @file deploy/nginx in front of three nodes: nginx takes it, clients get through, and the doctor has nothing to say. */
import assert from "node:assert/strict";
import { once } from "node:events";
import https from "node:https";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { Demo } from "../browser/demo.mjs";
import { freePort } from "../proxy/nginx.mjs";
import { BINARY, Front, read, run, seconds, settings } from "./deployed.mjs";

/** The same on every node, so that a token is good on each. */
const SHARED = {
  "auth.secret": "a secret of the test's own, long enough",
  "server.trusted_proxies": "127.0.0.1/32",
  "server.public_url": "https://chat.example.org",
};
/** @type {Demo[]} */
let nodes;
/** @type {Front} */
let front;
let http;

before(async () => {
  nodes = await Promise.all([1, 2, 3].map(() => Demo.start(SHARED)));
  http = await freePort();
  front = await Front.furnish({ nodes: nodes.map(({ url }) => Number(new URL(url).port)), http, https: await freePort() });
});

after(async () => {
  await front?.stop();
  await Promise.all((nodes ?? []).map((node) => node.stop()));
});

const token = () => nodes[0].user("ana").token;

async function request(path, headers = {}) {
  const ca = await readFile(front.certificate);
  return https.get({ host: "127.0.0.1", port: front.port, path, ca, servername: "chat.example.org", agent: false, headers: { host: `chat.example.org:${front.port}`, ...headers } });
}

async function get(path) {
  const [response] = await once(await request(path), "response");
  return { status: response.statusCode, body: Buffer.concat(await response.toArray()).toString() };
}

/** A client that stays: its status, and a way to end it. */
async function enter() {
  const asked = await request("/ws/chat/5/?tenant=demo", {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-protocol": `charla.v1, bearer.${token()}`,
    origin: "https://chat.example.org",
  });
  return new Promise((resolve, reject) => {
    asked.once("error", reject);
    asked.once("response", (response) => resolve({ status: response.statusCode, leave: () => response.destroy() }));
    asked.once("upgrade", (response, socket) => resolve({ status: response.statusCode, leave: () => socket.destroy() }));
  });
}

test("nginx takes the files", async () => {
  const { code, err } = await front.check();
  assert.equal(code, 0, err);
  assert.doesNotMatch(err, /\[(warn|emerg)\]/);
});

test("clients get through to all nodes, and to those that are left when one dies", { timeout: 60_000 }, async () => {
  await front.start();
  const inside = [];
  for (let come = 0; come < 9; come += 1) inside.push(await enter());
  assert.deepEqual(inside.map(({ status }) => status), Array(9).fill(101));
  const connected = await Promise.all(nodes.map(async ({ url }) => {
    const text = await (await fetch(`${url}/metrics`)).text();
    return Number(/^charla_connections (\d+)$/m.exec(text)[1]);
  }));
  assert.deepEqual(connected, [3, 3, 3], "least_conn shares WebSockets evenly");
  await nodes[1].down();
  for (let come = 0; come < 9; come += 1) {
    const late = await enter();
    assert.equal(late.status, 101, "nobody is told of a node that is gone");
    inside.push(late);
  }
  await nodes[1].up();
  for (const client of inside) client.leave();
});

test("a node sees the client, not nginx, and its own name", { timeout: 30_000 }, async () => {
  const { status, body } = await get(`/ws/chat/5/?tenant=demo&token=${token()}`);
  assert.equal(status, 200, body);
  assert.equal(JSON.parse(body).ok, true, body);
});

test("figures are not for everybody, and http leads to https", { timeout: 30_000 }, async () => {
  assert.equal((await get("/metrics")).status, 404);
  const response = await fetch(`http://127.0.0.1:${http}/ws/?x=1`, { redirect: "manual" });
  assert.equal(response.status, 308);
  assert.equal(response.headers.get("location"), "https://127.0.0.1/ws/?x=1");
});

test("no token stands in the access log, and the doctor reads it", { timeout: 60_000 }, async () => {
  await get(`/ws/chat/999/?tenant=demo&token=${token()}`);
  const log = await front.accessLog();
  assert.ok(!log.includes("token="), log);
  assert.ok(!log.includes(token().slice(0, 30)), "no token in the log");
  const socket = log.split("\n").find((line) => line.includes('"GET /ws/chat/5/ HTTP/1.1" 101'));
  assert.match(socket, / rt=\d+\.\d{3} us=101 ut=\d+\.\d{3} up=127\.0\.0\.1:\d+ id=[0-9a-f]{32}$/);
  const { out } = await run(BINARY, ["explain", "--json", `${front.log}/access.log`]);
  const explained = JSON.parse(out);
  const said = JSON.stringify(explained.steps);
  assert.match(said, /nginx/i, out);
});

test("the doctor finds nothing wrong, through nginx and with its files", { timeout: 60_000 }, async () => {
  const address = `wss://localhost:${front.port}/ws/chat/5/?tenant=demo`;
  const { code, out, err } = await run(BINARY, [
    "doctor", address, "--token", token(), "--origin", "https://chat.example.org", "--ca-file", front.certificate,
    "--nginx-conf", front.configuration, "--json",
  ]);
  const { cause, healthy, warnings } = JSON.parse(out);
  const ours = warnings.map((warning) => warning.cause).filter((id) => id.startsWith("proxy"));
  assert.deepEqual({ code: code === 1, cause, ours }, { code: false, cause: null, ours: [] }, out + err);
  assert.ok(healthy, out);
});

test("nginx waits longer than the server is silent", async () => {
  const text = await read("nginx/charla-location.conf");
  const set = await settings({});
  const silent = seconds(set.get("liveness.ping_after")) + seconds(set.get("liveness.pong_within"));
  for (const name of ["proxy_read_timeout", "proxy_send_timeout"]) {
    const [, wait] = new RegExp(`${name} (\\S+);`).exec(text);
    assert.ok(seconds(wait) > silent, `${name} ${wait} for ${silent} s`);
  }
});
