/**
 * @file What `charla import-django` writes, tried on databases that Django itself made: the query under `[authority]` lets in whom the project's own
 * function lets in, on PostgreSQL and on SQLite; and Charla, started with what was written, answers the same.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { freePort } from "../proxy/nginx.mjs";
import { Program } from "./program.mjs";
import { BINARY, token } from "./site.mjs";
import { PYTHON, World } from "./world.mjs";

const PROJECT = new URL("entrada", import.meta.url).pathname;
const run = promisify(execFile);

const Q = "from django.db.models import Q\n\nfrom .models import Plaza, Sala\n";
/** The bodies of `puede_entrar`, each a way that projects write it. */
const RULES = {
  "the owner and the staff": ["", "return usuario.is_staff or usuario.pk == sala.duena_id"],
  "an agent that there may not be": ["", "return sala.abierta and sala.agente == usuario"],
  "guests of a room": ["", "return sala.invitados.filter(pk=usuario.pk).exists()"],
  "rooms of a guest": ["", "return usuario.salas.filter(id=sala.id).exists()"],
  "a seat of some role": ["from .models import Plaza\n", 'return Plaza.objects.filter(sala=sala, persona=usuario, papel__in=["agente", "oyente"]).exists()'],
  "Q, either": [Q, "return Sala.objects.filter(Q(duena=usuario) | Q(invitados=usuario), pk=sala.pk).exists()"],
  "Q, both, and one turned round": [Q, "return Sala.objects.filter(Q(pk=sala.pk) & ~Q(agente=usuario) & Q(abierta=True)).exists()"],
  "Q, kept under a name": [Q, 'propia = Q(duena=usuario)\n    sentada = Q(plazas__persona=usuario)\n    return Sala.objects.filter(propia | sentada, pk=sala.pk).exists()'],
  "Q, turned round over a relation": [Q, "return Sala.objects.filter(~Q(invitados=usuario), pk=sala.pk).exists()"],
  "over a foreign key": [Q, 'return Plaza.objects.filter(sala=sala, persona__username__in=["eva", "nadie"]).exists()'],
  "a permission": ["", 'return usuario.has_perm("sala.view_sala")'],
  "a permission, or the owner of an open room": ["", 'if usuario.has_perm("sala.view_sala"):\n        return True\n    return sala.abierta and sala.duena == usuario'],
  "a group": ["", 'return usuario.groups.filter(name="soporte").exists() or usuario.is_superuser'],
};
/** What is not made of columns: nobody is let in, and the file says why. */
const OPEN = {
  "a permission of one object": ["", 'return usuario.has_perm("sala.view_sala", sala)', /# \? Not understood: sala\/acceso\.py:\d+/],
  "two lookups that are about one seat": [Q, 'return Sala.objects.filter(pk=sala.pk, plazas__persona=usuario, plazas__papel="agente").exists()', /# \? Not understood/],
};

let world;
let folder;
/** Where each engine's database is. */
const urls = {};

before(async () => {
  world = await World.start();
  folder = await mkdtemp(join(tmpdir(), "charla-entrada-"));
  await world.sql("postgres", "CREATE DATABASE entrada");
  Object.assign(urls, { postgres: world.databaseUrl("entrada"), sqlite: `sqlite://${join(folder, "db.sqlite3")}` });
  await cp(PROJECT, join(folder, "entrada"), { recursive: true });
  for (const engine of Object.keys(urls)) await python(engine, ["sembrar.py"]);
});

after(async () => {
  await world?.end();
  if (folder) await rm(folder, { recursive: true, force: true });
});

function environment(engine) {
  return { ...world.environment("entrada", 0), DATABASE_URL: urls[engine] };
}

async function python(engine, args) {
  const { stdout } = await run(PYTHON, args, { cwd: join(folder, "entrada"), env: environment(engine) });
  return stdout;
}

/** The project with a rule, and what was written for it. */
async function imported(engine, [head, body]) {
  const rule = `"""Who may enter."""\n${head}\n\ndef puede_entrar(usuario, sala):\n    ${body}\n`;
  await writeFile(join(folder, "entrada/sala/acceso.py"), rule);
  const own = environment(engine);
  await writeFile(join(folder, "env"), ["DATABASE_URL", "DJANGO_SECRET_KEY"].map((name) => `${name}=${own[name]}\n`).join(""));
  const out = join(folder, "out");
  await run(BINARY, ["import-django", join(folder, "entrada"), "--out", out, "--env-file", join(folder, "env"), "--force"]);
  return { file: join(out, "charla.toml"), text: await readFile(join(out, "charla.toml"), "utf8") };
}

const query = (text) => /^query = '''\n(.*?)^'''$/ms.exec(text)?.[1];

for (const engine of ["postgres", "sqlite"]) {
  for (const [name, rule] of Object.entries(RULES)) {
    test(`${engine}: ${name}`, async () => {
      const { text } = await imported(engine, rule);
      assert.doesNotMatch(text, /# \? Not understood/);
      const rows = JSON.parse(await python(engine, ["comparar.py", query(text)]));
      for (const { who, room, own, asked } of rows) assert.equal(asked, own, `${who} in ${room}\n${query(text)}`);
      const allowed = rows.filter(({ own }) => own).length;
      assert.ok(allowed > 0 && allowed < rows.length, `some may and some may not: ${allowed} of ${rows.length}`);
    });
  }

  test(`${engine}: Charla answers as the project did`, async () => {
    const { file } = await imported(engine, RULES["Q, either"]);
    const port = await freePort();
    // What the page of the steps has an operator fill in: where it listens, where its own tables are.
    const own = (await readFile(file, "utf8")).replace(/^listen = .*/m, `listen = "127.0.0.1:${port}"`).replace(/^path = .*/m, `path = "${join(folder, `store-${engine}`)}"`);
    await writeFile(file, own);
    const variables = Object.entries(environment(engine)).filter(([name]) => !name.startsWith("CHARLA_"));
    const charla = await Program.start(BINARY, ["serve", "--config", file], /listening/, { env: Object.fromEntries(variables) });
    try {
      const rows = JSON.parse(await python(engine, ["comparar.py", query(own)]));
      const people = [...new Set(rows.map(({ who }) => who))];
      const rooms = [...new Set(rows.map(({ room }) => room))];
      for (const { who, room, own: may } of rows) {
        if (who === "fuera") continue;
        const bearer = token(people.indexOf(who) + 1, 300);
        const reply = await fetch(`http://127.0.0.1:${port}/ws/chat/${rooms.indexOf(room) + 1}/?token=${bearer}`);
        const said = await reply.json();
        assert.equal(said.ok ?? false, may, `${who} in ${room}: ${JSON.stringify(said)}`);
        if (!may) assert.equal(said.cause, "not_a_member");
      }
      const nowhere = await (await fetch(`http://127.0.0.1:${port}/ws/chat/99/?token=${token(1, 300)}`)).json();
      assert.equal(nowhere.cause, "chat_not_found");
    } finally {
      await charla.down();
    }
  });
}

for (const [name, [head, body, said]] of Object.entries(OPEN)) {
  test(`${name}: nobody, and why`, async () => {
    const { text } = await imported("sqlite", [head, body]);
    assert.match(text, said);
    const rows = JSON.parse(await python("sqlite", ["comparar.py", query(text)]));
    assert.equal(rows.filter(({ asked }) => asked).length, 0);
  });
}
