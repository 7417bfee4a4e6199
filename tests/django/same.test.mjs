/** @file The example's front end, as it stands there, against uvicorn, against Charla, and against both in turn: its browsers receive the same. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch } from "../browser/people.mjs";
import { play } from "./scenario.mjs";
import { Site } from "./site.mjs";
import { World } from "./world.mjs";

let world;
let browser;
before(async () => {
  [world, browser] = await Promise.all([World.start(), launch()]);
});
after(async () => {
  await browser?.close();
  await world?.end();
});

/**
 * All that may differ between two runs, and why.
 *
 * - How JSON is written: Python puts spaces after commas and escapes `í`. Values are compared, whatever their order.
 * - `creada`: when the notification was made. It must be a date.
 * - `error`: each server says in its own words what was wrong. It must be words, and the frame holds nothing else.
 */
function normal(frame) {
  const value = JSON.parse(frame);
  if (typeof value.creada === "string" && !Number.isNaN(Date.parse(value.creada))) value.creada = "(a date)";
  if (typeof value.error === "string" && value.error !== "") value.error = "(words)";
  return value;
}

async function played(chat) {
  const site = await Site.start(world, { chat });
  try {
    const seen = await play(browser, site);
    return { ...seen, frames: Object.fromEntries(Object.entries(seen.frames).map(([name, frames]) => [name, frames.map(normal)])) };
  } catch (error) {
    error.message += `\n${[site.uvicorn, site.charla].flatMap((each) => each?.lines.slice(-20) ?? []).join("\n")}`;
    throw error;
  } finally {
    await site.end();
  }
}

test("the same frames, the same page, the same history, nobody cut off", async () => {
  const under = { uvicorn: await played("uvicorn"), charla: await played("charla"), half: await played("half") };
  const message = (autor, texto) => ({ autor, texto, oportunidad_id: 7, tenant: "acme" });
  const talk = [
    message("ana", "hola, ¿hay alguien?"),
    message("clara", "dígame"),
    message("ana", "ok"),
    message("ana", "ok"),
    message("marta", 'con "comillas", <etiquetas> y 🎉'),
  ];
  const closed = { type: "chat_closed", mensaje: "El chat fue cerrado.", cerrado_por: "clara" };
  const notice = { type: "nueva_notificacion", mensaje: "Tienes una respuesta", tipo: "aviso", url: "/?chat=5", id: 1, creada: "(a date)" };
  // What it is, and not only that it is the same: two sites that say nothing would be equal too.
  assert.deepEqual(under.uvicorn.frames, {
    ana: [...talk, notice, closed],
    clara: [...talk, closed],
    marta: [...talk, closed, { error: "(words)" }],
  });
  assert.deepEqual(under.uvicorn.history, talk);
  assert.equal(under.uvicorn.cut, 0);
  assert.deepEqual(under.charla, under.uvicorn);
  assert.deepEqual(under.half, under.uvicorn);
});
