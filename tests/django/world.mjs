/**
 * @file What several sites share: a PostgreSQL with the example's two companies in it, and a Redis.
 *
 * Each site gets a database of its own, copied from one that was filled once, and a Redis database of its own.
 */
import { execFile, execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { freePort } from "../proxy/nginx.mjs";
import { Program } from "./program.mjs";

export const EXAMPLE = new URL("../../examples/django-chat/", import.meta.url).pathname;
const TOOLS = process.env.CHARLA_TOOLS_PYTHON ?? new URL("../../target/tools/python", import.meta.url).pathname;
export const PYTHON = join(TOOLS, "bin/python");
export const SECRET = "a secret of these tests alone, long enough";
const DEBIAN = "/usr/lib/postgresql";
const run = promisify(execFile);

/** The newest server's programs: Debian keeps them below their version. */
function postgresProgram(name) {
  const newest = readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a))[0];
  return join(DEBIAN, newest, "bin", name);
}

/** PostgreSQL refuses to run as root: then it runs as the user that its package made. */
function owner() {
  if (process.getuid() !== 0) return {};
  const id = (which) => Number(execFileSync("id", [which, "postgres"]));
  return { uid: id("-u"), gid: id("-g") };
}

export class World {
  #sites = 0;

  static async start() {
    const world = new World();
    world.folder = await mkdtemp(join(tmpdir(), "charla-django-"));
    try {
      await Promise.all([world.#postgres(), world.#redis()]);
      await world.sql("postgres", "CREATE DATABASE template_soporte");
      for (const command of ["sembrar", "permisos_charla"]) {
        // A hundred migrations, of which none has to outlive a crash.
        const env = { ...world.environment("template_soporte", 0), PGOPTIONS: "-c synchronous_commit=off" };
        await run(PYTHON, ["manage.py", command], { cwd: EXAMPLE, env });
      }
    } catch (error) {
      await world.end();
      throw error;
    }
    return world;
  }

  async #postgres() {
    const folder = join(this.folder, "pg");
    const user = owner();
    await run("mkdir", [folder]);
    if (user.uid !== undefined) {
      await chown(folder, user.uid, user.gid);
      await run("chmod", ["711", this.folder]);
    }
    const data = join(folder, "data");
    const made = ["-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale", "C", "-D", data];
    await run(postgresProgram("initdb"), made, { ...user, cwd: folder });
    this.pgPort = await freePort();
    const settings = ["listen_addresses=127.0.0.1", "max_connections=100"].flatMap((each) => ["-c", each]);
    const args = ["-D", data, "-k", folder, "-p", String(this.pgPort), ...settings];
    this.postgres = await Program.start(postgresProgram("postgres"), args, /ready to accept connections/, { ...user, cwd: folder });
  }

  async #redis() {
    this.redisPort = await freePort();
    const args = ["--port", String(this.redisPort), "--bind", "127.0.0.1", "--save", "", "--dir", this.folder];
    this.redis = await Program.start("redis-server", args, /Ready to accept connections/i);
  }

  /** Carries out a statement as the operator. */
  async sql(database, statement) {
    const { stdout } = await run("psql", ["-qAtX", "-h", "127.0.0.1", "-p", String(this.pgPort), "-U", "postgres", "-d", database, "-c", statement]);
    return stdout.trim();
  }

  databaseUrl(database, role = "postgres") {
    return `postgres://${role}@127.0.0.1:${this.pgPort}/${database}`;
  }

  redisUrl(number) {
    return `redis://127.0.0.1:${this.redisPort}/${number}`;
  }

  /** What the example reads. */
  environment(database, number) {
    return {
      ...process.env,
      DJANGO_SECRET_KEY: SECRET,
      DATABASE_URL: this.databaseUrl(database),
      REDIS_URL: this.redisUrl(number),
      // Compiled once for all runs, and never into the sources.
      PYTHONPYCACHEPREFIX: join(TOOLS, "pycache"),
      PYTHONUNBUFFERED: "1",
    };
  }

  /** A database with both companies as they were at the beginning, and the number of a Redis database. */
  async plot() {
    this.#sites += 1;
    const database = `soporte_${this.#sites}`;
    await this.sql("postgres", `CREATE DATABASE ${database} TEMPLATE template_soporte`);
    return { database, number: this.#sites };
  }

  async end() {
    await Promise.all([this.postgres?.down("SIGINT"), this.redis?.down()]);
    if (existsSync(this.folder)) await rm(this.folder, { recursive: true, force: true });
  }
}
