/** @file The systemd units: systemd takes them, their settings are the server's, and their times add up. */
import assert from "node:assert/strict";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { BINARY, DEPLOY, read, run, seconds, settings } from "./deployed.mjs";

/** One unit, and the file of settings that it starts with. */
const SERVICES = { "charla.service": null, "charla@.service": join(DEPLOY, "charla.toml") };
let folder;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "charla-units-"));
});
after(() => rm(folder, { recursive: true, force: true }));

/** `Key=value` lines of a unit, in order. */
async function directives(name) {
  const text = await read(`systemd/${name}`);
  return text.split("\n").flatMap((line) => [...line.matchAll(/^([A-Za-z]+)=(.*)$/g)].map(([, key, value]) => ({ key, value })));
}

async function values(name, wanted) {
  return (await directives(name)).filter(({ key }) => key === wanted).map(({ value }) => value);
}

/** What the service's variables are when systemd has put its credentials somewhere. */
async function variables(name) {
  const credentials = await mkdtemp(join(folder, "credentials-"));
  for (const credential of await values(name, "LoadCredential")) {
    await writeFile(join(credentials, credential.split(":")[0]), "0123456789abcdef0123456789abcdef\n");
  }
  const pairs = (await values(name, "Environment")).map((pair) => pair.replace("%d", credentials).split(/=(.*)/s));
  return Object.fromEntries(pairs.map(([key, value]) => [key, value]));
}

test("systemd has nothing to say against the units", { timeout: 60_000 }, async () => {
  const names = { "charla.socket": "charla.socket", "charla.service": "charla.service", "charla@.socket": "charla@9001.socket", "charla@.service": "charla@9001.service" };
  for (const [from, to] of Object.entries(names)) {
    const text = await read(`systemd/${from}`);
    // verify looks whether the program is there.
    await writeFile(join(folder, to), text.replace("/usr/bin/charla", BINARY));
    if (to !== from) await cp(join(folder, to), join(folder, from));
  }
  const verify = (...units) => run("systemd-analyze", ["verify", "--man=no", ...units.map((unit) => join(folder, unit))]);
  const { code, err } = await verify(...Object.values(names));
  // What it says of other units of the machine is not ours.
  const ours = err.split("\n").filter((line) => line.includes("charla"));
  assert.deepEqual({ code, ours }, { code: 0, ours: [] });
  await writeFile(join(folder, "charla-bad.service"), `[Service]\nExecStart=${BINARY} serve\nWatchdogSec=soon\n`);
  assert.match((await verify("charla-bad.service")).err, /charla-bad.service:3/, "it would be seen");
});

test("the service is as shut in as systemd can judge", { timeout: 60_000 }, async () => {
  for (const name of Object.keys(SERVICES)) {
    const path = join(folder, name.replace("@", "@9001"));
    await writeFile(path, (await read(`systemd/${name}`)).replace("/usr/bin/charla", BINARY));
    const { code, out, err } = await run("systemd-analyze", ["security", "--offline=true", "--threshold=20", "--no-pager", path]);
    assert.equal(code, 0, out + err);
  }
});

for (const [name, file] of Object.entries(SERVICES)) {
  test(`${name}: its variables are settings, and its times add up`, { timeout: 60_000 }, async () => {
    const environment = await variables(name);
    const check = await run(BINARY, ["config", "check", ...(file ? ["--config", file] : [])], environment);
    assert.equal(check.code, 0, check.err + check.out);
    const set = await settings(environment, file);
    const leaves = seconds(set.get("server.pre_stop")) + seconds(set.get("server.drain"));
    const [stop] = await values(name, "TimeoutStopSec");
    assert.ok(Number(stop) >= leaves + 5, `${stop} s for a drain of ${leaves} s`);
    const [files] = await values(name, "LimitNOFILE");
    assert.ok(Number(files) >= 2 * Number(set.get("limits.connections")), files);
    const [watchdog] = await values(name, "WatchdogSec");
    assert.ok(Number(watchdog) / 4 + 45 < Number(watchdog), "a writer at a database that does not answer is no reason");
    const [command] = await values(name, "ExecStart");
    const known = await run(BINARY, [...command.split(" ").slice(1), "--help"]);
    assert.equal(known.code, 0, known.err);
  });
}

test("each service has its socket, on the port that the server has by default", async () => {
  const [stream] = await values("charla.socket", "ListenStream");
  assert.equal(stream, (await settings({})).get("server.listen"));
  assert.deepEqual(await values("charla.service", "Sockets"), ["charla.socket"]);
  assert.deepEqual(await values("charla@.service", "Sockets"), ["charla@%i.socket"]);
});
