/** @file Containers and Kubernetes: what is written is read, named rightly, and its times and ports agree. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Demo } from "../browser/demo.mjs";
import { BINARY, read, run, seconds, settings, yaml } from "./deployed.mjs";

let folder;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "charla-manifests-"));
});
after(() => rm(folder, { recursive: true, force: true }));

const SECRET = "0123456789abcdef0123456789abcdef\n";

/** Kubernetes' objects by kind. */
async function objects() {
  const documents = await yaml("kubernetes/charla.yaml");
  return Object.fromEntries(documents.map((document) => [document.kind, document]));
}

/** The node's settings as in the pod: its file, with its secrets somewhere. */
async function inPod() {
  const { ConfigMap } = await objects();
  let text = ConfigMap.data["charla.toml"];
  for (const name of ["auth-secret", "db-password", "bus-password"]) {
    await writeFile(join(folder, name), SECRET);
    text = text.replace(`/run/secrets/charla/${name}`, join(folder, name));
  }
  assert.ok(!text.includes("/run/secrets"), "every secret that the file reads is in the Secret of the comment");
  const file = join(folder, "charla.toml");
  await writeFile(file, text);
  const { code, out, err } = await run(BINARY, ["config", "check", "--config", file]);
  assert.equal(code, 0, out + err);
  return settings({}, file);
}

test("Kubernetes: a pod has the time that it needs to leave", { timeout: 60_000 }, async () => {
  const { Deployment } = await objects();
  const { spec } = Deployment.spec.template;
  const set = await inPod();
  const [preStop, drain] = ["server.pre_stop", "server.drain"].map((key) => seconds(set.get(key)));
  assert.ok(spec.terminationGracePeriodSeconds >= preStop + drain + 5, `${spec.terminationGracePeriodSeconds} s for ${preStop} s + ${drain} s`);
  const { readinessProbe: ready } = spec.containers[0];
  assert.ok(ready.periodSeconds * ready.failureThreshold < preStop, "the endpoint is gone before anybody is sent away");
  assert.ok(!spec.containers[0].lifecycle, "a preStop hook would add to the time");
});

test("Kubernetes: probes, ports and labels lead somewhere", { timeout: 90_000 }, async () => {
  const { Deployment, Service, PodDisruptionBudget, Ingress, ConfigMap } = await objects();
  const { metadata, spec } = Deployment.spec.template;
  const [container] = spec.containers;
  const set = await inPod();
  const port = Number(set.get("server.listen").split(":").pop());
  assert.deepEqual(container.ports, [{ name: "http", containerPort: port }]);
  assert.equal(metadata.annotations["prometheus.io/port"], String(port));
  assert.equal(Service.spec.ports[0].targetPort, "http");
  assert.equal(Ingress.spec.rules[0].http.paths[0].backend.service.name, Service.metadata.name);
  for (const selector of [Deployment.spec.selector.matchLabels, Service.spec.selector, PodDisruptionBudget.spec.selector.matchLabels]) {
    assert.deepEqual(selector, metadata.labels);
  }
  assert.ok(PodDisruptionBudget.spec.maxUnavailable < Deployment.spec.replicas);
  const volumes = Object.fromEntries(spec.volumes.map((volume) => [volume.name, volume]));
  for (const { name } of container.volumeMounts) assert.ok(volumes[name], name);
  assert.equal(volumes.config.configMap.name, ConfigMap.metadata.name);
  const demo = await Demo.start();
  try {
    for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"]) {
      const { path, port: named } = container[probe].httpGet;
      assert.equal(named, "http");
      assert.equal((await fetch(demo.url + path)).status, 200, path);
    }
    assert.equal((await fetch(demo.url + metadata.annotations["prometheus.io/path"])).status, 200);
  } finally {
    await demo.stop();
  }
});

test("Kubernetes: the ingress waits longer than the server is silent", { timeout: 30_000 }, async () => {
  const { Ingress } = await objects();
  const set = await settings({});
  const silent = seconds(set.get("liveness.ping_after")) + seconds(set.get("liveness.pong_within"));
  const waits = Object.entries(Ingress.metadata.annotations);
  assert.equal(waits.length, 2);
  for (const [name, wait] of waits) assert.ok(Number(wait) > silent, `${name}: ${wait} for ${silent} s`);
});

test("images are started with arguments that the program has", { timeout: 60_000 }, async () => {
  const { Deployment } = await objects();
  const containerfile = await read("container/Containerfile");
  const [, entry] = /^ENTRYPOINT (\[.*\])$/m.exec(containerfile);
  assert.deepEqual(JSON.parse(entry), ["/usr/local/bin/charla"]);
  const [, command] = /^CMD (\[.*\])$/m.exec(containerfile);
  const { services } = (await yaml("container/compose.yaml"))[0];
  for (const args of [JSON.parse(command), Deployment.spec.template.spec.containers[0].args, services.charla1.command]) {
    const { code, err } = await run(BINARY, [...args, "--help"]);
    assert.equal(code, 0, `${args}: ${err}`);
  }
  const [, variables] = /^ENV ((?:.*\\\n)*.*)$/m.exec(containerfile);
  const environment = Object.fromEntries(variables.split(/\s*\\\n\s*/).map((pair) => pair.split("=")));
  const set = await settings(environment);
  const [, exposed] = /^EXPOSE (\d+)$/m.exec(containerfile);
  assert.equal(set.get("server.listen"), `0.0.0.0:${exposed}`);
  const [, user] = /^USER (\d+):/m.exec(containerfile);
  assert.equal(Deployment.spec.template.spec.securityContext.runAsUser, Number(user));
  const [, toolchain] = /channel = "([\d.]+)"/.exec(await read("../rust-toolchain.toml"));
  assert.ok(containerfile.includes(`rust:${toolchain.split(".").slice(0, 2).join(".")}-`), `built with Rust ${toolchain}`);
});

test("compose: variables are settings, names lead somewhere, and there is time to leave", { timeout: 60_000 }, async () => {
  const [compose] = await yaml("container/compose.yaml");
  const { services, secrets, networks } = compose;
  const nodes = ["charla1", "charla2", "charla3"].map((name) => services[name]);
  for (const name of Object.keys(secrets)) await writeFile(join(folder, name), SECRET);
  for (const node of nodes) {
    const environment = Object.fromEntries(
      Object.entries(node.environment).map(([key, value]) => [key, value.replace(/^\/run\/secrets\//, `${folder}/`)]),
    );
    const { code, out, err } = await run(BINARY, ["config", "check"], environment);
    assert.equal(code, 0, out + err);
    const set = await settings(environment);
    const leaves = seconds(set.get("server.pre_stop")) + seconds(set.get("server.drain"));
    assert.ok(seconds(node.stop_grace_period) >= leaves + 5, `${node.stop_grace_period} for ${leaves} s`);
    for (const host of ["STORE", "BROKER"].map((which) => new URL(node.environment[`CHARLA_${which}_URL`]).hostname)) {
      assert.ok(services[host], host);
    }
    assert.equal(node.environment.CHARLA_SERVER_TRUSTED_PROXIES, networks.inside.ipam.config[0].subnet);
    for (const name of [...node.secrets, ...services.postgres.secrets, ...services.redis.secrets]) assert.ok(secrets[name], name);
  }
  const nginx = await read("container/nginx.conf");
  const upstreams = [...nginx.matchAll(/server (\S+):(\d+) /g)].map(([, host, port]) => ({ host, port }));
  assert.deepEqual(upstreams, Object.keys(services).filter((name) => name.startsWith("charla")).map((host) => ({ host, port: "9001" })));
  const [published] = services.nginx.ports;
  assert.ok(nginx.includes(`listen ${published.split(":")[1]};`), published);
  for (const volume of services.nginx.volumes) await read(join("container", volume.split(":")[0]));
});

test("the file of settings for several nodes is one", { timeout: 30_000 }, async () => {
  const file = join(folder, "nodes.toml");
  await writeFile(file, await read("charla.toml"));
  const { code, out, err } = await run(BINARY, ["config", "check", "--config", file]);
  assert.equal(code, 0, out + err);
});

test("the image's build is given every crate of the workspace", async () => {
  const given = (await read("container/Containerfile.dockerignore")).split("\n").filter((line) => line.startsWith("!")).map((line) => line.slice(1));
  const [, members] = /^members = (\[.*\])$/m.exec(await read("../Cargo.toml"));
  for (const member of JSON.parse(members)) assert.ok(given.includes(member.replace("/*", "")), member);
  for (const file of ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml"]) assert.ok(given.includes(file), file);
});
