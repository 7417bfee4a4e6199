/** @file What JSDoc says is true, and what a TypeScript user gets from it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { program, SKIP } from "./tools.js";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const USER = { strict: true, noEmit: true, target: "es2022", module: "nodenext", lib: ["es2023", "dom"], types: [] };

/** @returns {Promise<string>} What the compiler finds wrong. */
async function tsc(...args) {
  const run = promisify(execFile)(program("tsc"), ["--pretty", "false", ...args]);
  return run.then(
    () => "",
    (error) => error.stdout || String(error),
  );
}

test("the sources agree with their types, and whoever uses them gets these", { skip: SKIP }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "charla-types-"));
  t.after(() => rm(folder, { recursive: true }));
  const charla = join(folder, "node_modules/charla");
  await mkdir(charla, { recursive: true });
  assert.equal(await tsc("--project", PACKAGE, "--outDir", join(charla, "types")), "");
  await cp(join(PACKAGE, "package.json"), join(charla, "package.json"));
  await cp(join(PACKAGE, "test/types"), folder, { recursive: true });
  await writeFile(join(folder, "package.json"), `{ "type": "module" }`);
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: USER, include: ["*.ts"] }));
  assert.equal(await tsc("--project", folder), "");
});
