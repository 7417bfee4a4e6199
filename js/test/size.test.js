/** @file What the package weighs in a page: bundled, minified, compressed with gzip -9; 1 kB is 1000 bytes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { load, SKIP } from "./tools.js";

const src = (name) => fileURLToPath(new URL(`../src/${name}`, import.meta.url));

/** Bytes of what loads at once, and of what follows by itself. */
async function weigh(name) {
  const entry = src(name);
  const bundle = { entryPoints: [entry], bundle: true, minify: true, format: "esm", splitting: true, outdir: "/", write: false, metafile: true };
  const { outputFiles, metafile } = await load("esbuild").build(bundle);
  const sizes = { core: 0, later: 0 };
  const isLater = lazily(metafile, Object.keys(metafile.outputs).find((path) => metafile.outputs[path].entryPoint?.endsWith(name)));
  for (const { path, contents } of outputFiles) sizes[isLater(path.slice(1)) ? "later" : "core"] += gzipSync(contents, { level: 9 }).length;
  return sizes;
}

/** Which files nothing asks for at once. */
function lazily({ outputs }, entry) {
  const eager = new Set();
  const visit = (path) => {
    if (eager.has(path)) return;
    eager.add(path);
    for (const { path: next, kind } of outputs[path].imports) if (kind === "import-statement") visit(next);
  };
  visit(entry);
  return (path) => ![...eager].some((known) => known.endsWith(path));
}

test("the core stays light, and so does the diagnosis that follows it", { skip: SKIP }, async (t) => {
  const { core, later } = await weigh("index.js");
  t.diagnostic(`core ${core} B, diagnosis ${later} B`);
  assert.ok(core <= 9_430, `the core weighs ${core} B`);
  assert.ok(later <= 1_600, `the diagnosis weighs ${later} B`);
});
