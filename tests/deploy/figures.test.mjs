/** @file Alerts and the board: Prometheus takes them, they fire on what they are for, and every figure is one of the server's. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Demo } from "../browser/demo.mjs";
import { DEPLOY, read, run, yaml } from "./deployed.mjs";

let folder;
/** Names of the series that a server shows. */
let figures;
/** The causes that may stand in a label. */
let causes;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "charla-figures-"));
  await cp(join(DEPLOY, "prometheus"), folder, { recursive: true });
  const demo = await Demo.start();
  try {
    await meetEverything(demo);
    const text = await (await fetch(`${demo.url}/metrics`)).text();
    const kinds = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
    figures = new Set(kinds.flatMap(([, name, kind]) => {
      if (kind === "counter") return [`${name}_total`];
      if (kind === "histogram") return [`${name}_bucket`, `${name}_sum`, `${name}_count`];
      return [name];
    }));
  } finally {
    await demo.stop();
  }
  causes = await readFile(new URL("../../protocol/causes.toml", import.meta.url), "utf8");
});
after(() => rm(folder, { recursive: true, force: true }));

/** A family without a series is not shown: a preflight, a handshake, a report, a refusal and an end make theirs. */
async function meetEverything(demo) {
  const { token } = demo.user("ana");
  await fetch(`${demo.url}/ws/chat/5/?token=${token}`);
  const { hostname, port } = new URL(demo.url);
  const headers = {
    connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-protocol": `charla.v1, bearer.${token}`,
  };
  const [, socket] = await once(http.get({ hostname, port, path: "/ws/chat/5/", headers }), "upgrade");
  const heard = [];
  socket.on("data", (chunk) => heard.push(chunk));
  const say = (frame) => {
    const text = Buffer.from(JSON.stringify(frame));
    assert.ok(text.length < 126);
    // Masked by zeros.
    socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), text]));
  };
  say({ type: "report", cause: "server_down", attempts: 1, away_ms: 1 });
  say({ type: "edit", ref: 1, chat: "5", seq: 4_000, text: "there is none" });
  while (!Buffer.concat(heard).includes('"type":"error"')) await once(socket, "data");
  socket.end(Buffer.from([0x88, 0x80, 0, 0, 0, 0]));
  await once(socket, "close");
}

/** Names of our series in an expression of PromQL. */
const named = (expression) => expression.match(/\bcharla_\w+/g) ?? [];

test("Prometheus takes the alerts, and each fires on what it is for", { timeout: 60_000 }, async () => {
  const checked = await run("promtool", ["check", "rules", "alerts.yml"], {}, folder);
  assert.equal(checked.code, 0, checked.out + checked.err);
  const tested = await run("promtool", ["test", "rules", "alerts.test.yml"], {}, folder);
  assert.equal(tested.code, 0, tested.out + tested.err);
  const [{ groups }] = await yaml("prometheus/alerts.yml");
  const [{ tests }] = await yaml("prometheus/alerts.test.yml");
  const outcomes = tests.flatMap(({ alert_rule_test: cases }) => cases);
  for (const { alert } of groups.flatMap(({ rules }) => rules)) {
    const own = outcomes.filter(({ alertname }) => alertname === alert);
    assert.ok(own.some(({ exp_alerts: fires }) => fires), `${alert} is seen to fire`);
    assert.ok(own.some(({ exp_alerts: fires }) => !fires), `${alert} is seen to be silent`);
  }
});

test("an alert that is broken would be seen", { timeout: 60_000 }, async () => {
  const text = await read("prometheus/alerts.yml");
  await writeFile(join(folder, "alerts.yml"), text.replace("charla_broker_up == 0", "charla_broker_up == 2"));
  const tested = await run("promtool", ["test", "rules", "alerts.test.yml"], {}, folder);
  assert.notEqual(tested.code, 0);
});

test("every figure in alerts and board is one of the server's", { timeout: 30_000 }, async () => {
  const [{ groups }] = await yaml("prometheus/alerts.yml");
  const board = JSON.parse(await read("grafana/charla.json"));
  const expressions = [
    ...groups.flatMap(({ rules }) => rules).map(({ expr }) => expr),
    ...board.panels.flatMap(({ targets }) => targets ?? []).map(({ expr }) => expr),
    ...board.templating.list.map(({ query }) => query.query ?? ""),
  ];
  const names = new Set(expressions.flatMap(named));
  assert.ok(names.size > 10, [...names].join(" "));
  for (const name of names) assert.ok(figures.has(name), `${name} is none of ${[...figures].join(" ")}`);
  const labels = expressions.flatMap((expression) => [...expression.matchAll(/\b(?:cause|outcome)!?[=~]+"([^"]+)"/g)]).flatMap(([, ids]) => ids.split("|"));
  assert.ok(labels.length > 4, labels.join(" "));
  for (const id of labels.filter((id) => id !== "accepted")) assert.ok(causes.includes(`id = "${id}"`), `${id} is no cause`);
});

test("Prometheus takes every expression of the board", { timeout: 60_000 }, async () => {
  const board = JSON.parse(await read("grafana/charla.json"));
  const expressions = board.panels.flatMap(({ targets }) => targets ?? []).map(({ expr }) => expr.replaceAll("$__rate_interval", "1m"));
  const rules = expressions.map((expr, place) => ({ record: `board:${place}`, expr }));
  // JSON is YAML.
  await writeFile(join(folder, "board.yml"), JSON.stringify({ groups: [{ name: "board", rules }] }));
  const { code, out, err } = await run("promtool", ["check", "rules", "board.yml"], {}, folder);
  assert.equal(code, 0, out + err);
});

test("the board's panels stand side by side, each with a number of its own", async () => {
  const { panels } = JSON.parse(await read("grafana/charla.json"));
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  const taken = new Map();
  for (const { title, gridPos: { x, y, w, h } } of panels) {
    assert.ok(x + w <= 24, title);
    for (let column = x; column < x + w; column += 1) {
      for (let line = y; line < y + h; line += 1) {
        const place = `${column},${line}`;
        assert.ok(!taken.has(place), `${title} lies on ${taken.get(place)}`);
        taken.set(place, title);
      }
    }
  }
});
