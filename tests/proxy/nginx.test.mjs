/** @file Through a real nginx: as it should be set up, as it comes, and as it is often got wrong. */
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";

import { Demo } from "../browser/demo.mjs";
import { freePort, Nginx } from "./nginx.mjs";

/** @type {Demo} */
let demo;
/** @type {Nginx} */
let nginx;
let port;

const servers = (upstream) => `
  upstream charla { server ${upstream}; keepalive 4; }
  server {
    listen 127.0.0.1:${port};
    proxy_set_header Host $http_host;
    location /good/ {
      proxy_pass http://charla/; proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
    }
    location /http10/ {
      proxy_pass http://charla/; proxy_http_version 1.0;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
    }
    location /stripped/ { proxy_pass http://charla/; proxy_http_version 1.1; }
  }`;

before(async () => {
  demo = await Demo.start();
  port = await freePort();
  nginx = await Nginx.start(() => servers(new URL(demo.url).host));
});

after(async () => {
  await nginx?.stop();
  await demo?.stop();
});

/** A browser's handshake: the status, and behind a 101 the first frame's text. */
function handshake(path) {
  const headers = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-protocol": `charla.v1, bearer.${demo.user("ana").token}`,
    origin: `http://127.0.0.1:${port}`,
  };
  return new Promise((resolve, reject) => {
    const request = http.get({ host: "127.0.0.1", port, path, headers });
    request.once("error", reject);
    request.once("response", async (response) => {
      const chunks = await response.toArray();
      resolve({ status: response.statusCode, body: Buffer.concat(chunks).toString() });
    });
    request.once("upgrade", (response, socket, head) => {
      let bytes = head;
      const look = () => {
        const long = bytes.length > 4 && (bytes[1] & 127) === 126;
        const end = long ? 4 + bytes.readUInt16BE(2) : 2 + (bytes[1] & 127);
        if (bytes.length < 2 || bytes.length < end) return;
        socket.destroy();
        resolve({ status: response.statusCode, frame: bytes.subarray(long ? 4 : 2, end).toString() });
      };
      socket.on("data", (chunk) => {
        bytes = Buffer.concat([bytes, chunk]);
        look();
      });
      look();
    });
  });
}

for (const way of ["good", "http10"]) {
  test(`a handshake through nginx is served (${way})`, { timeout: 30_000 }, async () => {
    const { status, frame } = await handshake(`/${way}/ws/chat/5/`);
    assert.equal(status, 101);
    assert.equal(JSON.parse(frame).type, "welcome");
  });
}

test("an upgrade over a connection that nginx kept from other requests is served", { timeout: 30_000 }, async () => {
  for (const path of ["/good/healthz", "/good/ws/chat/5/", "/good/healthz"]) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    await response.text();
  }
  const { status, frame } = await handshake("/good/ws/chat/5/");
  assert.equal(status, 101);
  assert.equal(JSON.parse(frame).type, "welcome");
});

test("an nginx that drops the upgrade is named", { timeout: 30_000 }, async () => {
  const { status, body } = await handshake("/stripped/ws/chat/5/");
  assert.equal(status, 426);
  const { cause, fix } = JSON.parse(body);
  assert.equal(cause, "proxy_no_upgrade");
  assert.ok(fix.some((line) => line.includes("proxy_set_header Upgrade")), fix.join("\n"));
});
