/** @file The Django admin reads what Charla keeps, by the view, the model and the admin class of `docs/history.md`, word for word. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { freePort } from "../proxy/nginx.mjs";
import { Program } from "./program.mjs";
import { BINARY } from "./site.mjs";
import { PYTHON, World } from "./world.mjs";

const run = promisify(execFile);
const PAGE = new URL("../../docs/history.md", import.meta.url);
const PROJECT = new URL("historia", import.meta.url).pathname;

let world;
let folder;
before(async () => {
  world = await World.start();
  folder = await mkdtemp(join(tmpdir(), "charla-historia-"));
});
after(async () => {
  await world?.end();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** The block of a language that follows the heading of the page's part about Django. */
async function block(language) {
  const part = (await readFile(PAGE, "utf8")).split("## Charla's tables, seen from Django")[1];
  return part.split(`\`\`\`${language}\n`)[1].split("```")[0];
}

/** Charla with its tables in a schema of its own, and what was said in two tenants' chats of the same number. */
async function said() {
  for (const statement of ["CREATE DATABASE historia", "CREATE ROLE django LOGIN"]) await world.sql("postgres", statement);
  for (const statement of ["CREATE SCHEMA charla AUTHORIZATION charla", "GRANT ALL ON SCHEMA public TO django"]) await world.sql("historia", statement);
  const store = world.databaseUrl("historia", "charla");
  const port = await freePort();
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("CHARLA_"));
  const env = { ...Object.fromEntries(own), CHARLA_STORE_URL: store };
  const charla = (...args) => run(BINARY, args, { env });
  const server = await Program.start(BINARY, ["serve", "--set", `server.listen=127.0.0.1:${port}`], /listening/, { env });
  try {
    for (const tenant of ["acme", "globex"]) {
      await charla("tenant", "add", tenant);
      const { stdout } = await charla("key", "add", "back", "--tenant", tenant);
      const headers = { authorization: `Bearer ${/charla_\S+/.exec(stdout)[0]}`, "content-type": "application/json" };
      const ask = async (method, path, body) => {
        const reply = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`, { method, headers, body: body && JSON.stringify(body) });
        assert.ok(reply.ok, `${method} ${path}: ${reply.status} ${await reply.clone().text()}`);
      };
      await ask("PUT", "users/ana", { name: "Ana María" });
      await ask("PUT", "chats/5", {});
      for (const text of [`hola de ${tenant}`, "<b>¿sí?</b>"]) await ask("POST", "chats/5/messages", { author: "ana", text });
    }
  } finally {
    await server.down();
  }
  return store;
}

test("the admin lists, searches and opens what was said, and changes nothing", async () => {
  const store = await said();
  await run("psql", ["-v", "ON_ERROR_STOP=1", "-qX", store, "-c", await block("sql")]);
  const project = join(folder, "historia");
  await cp(PROJECT, project, { recursive: true });
  const [models, admin] = (await block("python")).split("\n\n\n@admin");
  await writeFile(join(project, "vista/models.py"), `from django.db import models\n\n\n${models}\n`);
  await writeFile(join(project, "vista/admin.py"), `from django.contrib import admin\n\nfrom .models import CharlaMessage\n\n\n@admin${admin}`);
  const first = Number(await world.sql("historia", "SELECT min(id) FROM charla.charla_message"));
  const paths = { all: "", searched: "?q=globex", filtered: "?tenant=acme", one: `${first}/change/`, add: "add/" };
  const env = { ...world.environment("historia", 0), DATABASE_URL: world.databaseUrl("historia", "django") };
  const { stdout } = await run(PYTHON, ["mirar.py", JSON.stringify(paths), JSON.stringify(first)], { cwd: project, env });
  const seen = JSON.parse(stdout);
  const shown = (name) => seen[name].rows.map((row) => row.slice(0, 5)).sort();
  const rows = (tenant) => [
    [tenant, "5", "1", "Ana María", `hola de ${tenant}`],
    [tenant, "5", "2", "Ana María", "&lt;b&gt;¿sí?&lt;/b&gt;"],
  ];
  assert.deepEqual(shown("all"), [...rows("acme"), ...rows("globex")]);
  assert.deepEqual(shown("searched"), rows("globex").slice(0, 1));
  assert.deepEqual(shown("filtered"), rows("acme"));
  assert.equal(seen.one.status, 200);
  assert.equal(seen.add.status, 403);
  assert.equal(seen.write.status, 403);
});
