/** @file What people do on the example's page, and what their browsers received: the same on every site. */
import { Person } from "./people.mjs";

/**
 * A customer and two of the support, one of them on the page without React, until the chat is closed and the customer comes back.
 * @param {import("playwright-core").Browser} browser
 * @param {import("./site.mjs").Site} site
 */
export async function play(browser, site) {
  const tenant = "acme";
  const enter = (name, more) => Person.enter(browser, site, { tenant, name, ...more });
  const [ana, clara, marta] = [await enter("ana"), await enter("clara"), await enter("marta", { plain: true })];
  const all = [ana, clara, marta];
  for (const person of all) await person.is("conectado");

  let said = 0;
  const say = async (person, text) => {
    await person.say(text);
    said += 1;
    for (const each of all) await each.hears(said);
  };
  await say(ana, "hola, ¿hay alguien?");
  await say(clara, "dígame");
  // The same words twice: both arrive, and the page's own sieve takes the second for a repetition.
  await say(ana, "ok");
  await say(ana, "ok");
  await say(marta, 'con "comillas", <etiquetas> y 🎉');

  // Heard by ana alone.
  clara.page.once("dialog", (dialog) => dialog.accept("ana"));
  await clara.page.getByRole("button", { name: "Avisar" }).click();
  await ana.hears(said + 1);

  await clara.page.getByRole("button", { name: "Cerrar el chat" }).click();
  await ana.hears(said + 2);
  for (const each of [clara, marta]) await each.hears(said + 1);
  // The page with React lets nobody write now; the other one does.
  await marta.say("¿sigue ahí?");
  await marta.hears(said + 2);

  const shown = Object.fromEntries(await Promise.all(all.map(async (each) => [each.name, await each.shown()])));
  const notices = Object.fromEntries(await Promise.all([ana, clara].map(async (each) => [each.name, await each.notices()])));
  const frames = Object.fromEntries(all.map((each) => [each.name, [...each.frames]]));
  const sockets = Object.fromEntries(all.map((each) => [each.name, each.sockets]));
  const cut = (await Promise.all(all.map((each) => each.page.evaluate(() => globalThis.cierres.length)))).reduce((a, b) => a + b);
  const { access } = await site.signIn(tenant, "ana");
  const history = await site.call(tenant, "/api/chats/5/mensajes/", undefined, access);
  for (const each of all) await each.leave();
  return { frames, shown, notices, sockets, cut, history };
}
