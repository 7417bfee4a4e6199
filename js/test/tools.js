/** @file Tools that `cargo xtask test` installs beside the tests: the compiler that checks the types, the bundler that weighs. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const { CHARLA_TOOLS_NODE } = process.env;

/** Why a test that needs the tools is left out; false where they must be there. */
export const SKIP = CHARLA_TOOLS_NODE ? false : "needs the tools that `cargo xtask test` installs (CHARLA_TOOLS_NODE)";

/** @param {string} name A package. */
export function load(name) {
  return createRequire(join(CHARLA_TOOLS_NODE, "_"))(name);
}

/** @param {string} name A program that a package brings. */
export function program(name) {
  const path = join(CHARLA_TOOLS_NODE, "node_modules/.bin", name);
  if (!existsSync(path)) throw new Error(`${path} is missing`);
  return path;
}
