/** @file What `docs/migrate-from-channels.md` has people paste into nginx, word for word but for the ports, under a real nginx. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";

import { freePort, Nginx } from "../proxy/nginx.mjs";
import { WebSocket } from "./site.mjs";

const { WebSocketServer } = createRequire(join(process.env.CHARLA_NODE_MODULES ?? join(process.env.CHARLA_TOOLS_NODE ?? ".", "node_modules"), "wscat/package.json"))("ws");
const GUIDE = new URL("../../docs/migrate-from-channels.md", import.meta.url);

/** The snippets by their first line, which says where each goes. @type {{place: string, text: string}[]} */
let snippets;
/** Two servers that say who they are, and what a proxy told them. */
const servers = {};

before(async () => {
  const text = await readFile(GUIDE, "utf8");
  snippets = [...text.matchAll(/^```nginx\n# (.*)\n([^]*?)^```$/gm)].map(([, place, text]) => ({ place, text }));
  for (const name of ["uvicorn", "charla"]) {
    const http = createServer((_, response) => response.end(name)).listen(0, "127.0.0.1");
    await once(http, "listening");
    new WebSocketServer({ server: http }).on("connection", (socket, { headers }) => socket.send(JSON.stringify({ name, headers })));
    servers[name] = http;
  }
});

after(() => Object.values(servers).forEach((server) => (server.closeAllConnections(), server.close())));

/** Those for a place, of which each holds a text. */
function pasted(place, holds = "") {
  const found = snippets.filter((each) => each.place.startsWith(place) && each.text.includes(holds));
  assert.equal(found.length, 1, `one snippet for ${place} with ${holds}`);
  const port = { 9001: servers.uvicorn.address().port, 9002: servers.charla.address().port };
  return found[0].text.replace(/127\.0\.0\.1:(9001|9002)/g, (_, of) => `127.0.0.1:${port[of]}`);
}

/** An nginx with these at their places. */
async function behind(http, server) {
  const port = await freePort();
  const nginx = await Nginx.start(
    () => `${pasted("http { }", "upstream")}\n${http}\nserver { listen 127.0.0.1:${port}; ${server} }`,
    async (folder) => {
      const file = join(folder, "snippets/upgrade.conf");
      await mkdir(dirname(file));
      await writeFile(file, pasted("/etc/nginx/snippets/upgrade.conf"));
    },
  );
  return { nginx, port };
}

/** Who answers a handshake, and with which headers it came. */
async function answering(port, path) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: { "x-forwarded-for": "203.0.113.9" } });
  const [message] = await once(socket, "message");
  socket.terminate();
  return JSON.parse(message);
}

test("one or two chats", async () => {
  const { nginx, port } = await behind("", pasted("server { }", "(5|6)"));
  try {
    for (const [chat, name] of [["5", "charla"], ["6", "charla"], ["7", "uvicorn"], ["55", "uvicorn"]]) {
      const seen = await answering(port, `/ws/chat/${chat}/?token=t`);
      assert.equal(seen.name, name, chat);
      assert.equal(seen.headers.host, `127.0.0.1:${port}`);
      // What a client claims is overwritten.
      assert.equal(seen.headers["x-forwarded-for"], "127.0.0.1");
    }
    // The preflight: a plain request to the same address.
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/ws/chat/5/`)).text(), "charla");
  } finally {
    await nginx.stop();
  }
});

test("a tenant", async () => {
  const { nginx, port } = await behind(pasted("http { }", "map $arg_tenant"), pasted("server { }", "http://$chat"));
  try {
    for (const [tenant, name] of [["acme", "charla"], ["globex", "uvicorn"], ["", "uvicorn"]]) {
      assert.equal((await answering(port, `/ws/chat/5/?token=t&tenant=${tenant}`)).name, name, tenant);
    }
  } finally {
    await nginx.stop();
  }
});

test("a share, and the same token the same way", async () => {
  const { nginx, port } = await behind(pasted("http { }", "split_clients"), pasted("server { }", "http://$chat"));
  try {
    const tokens = Array.from({ length: 100 }, (_, number) => String(number));
    const asked = async () => {
      const names = [];
      for (const token of tokens) names.push((await answering(port, `/ws/chat/5/?token=${token}`)).name);
      return names;
    };
    const names = await asked();
    const moved = names.filter((name) => name === "charla").length;
    assert.ok(moved > 0 && moved < 30, `about a tenth: ${moved} of 100`);
    assert.deepEqual(await asked(), names);
  } finally {
    await nginx.stop();
  }
});
