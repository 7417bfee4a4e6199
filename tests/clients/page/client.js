/** @file The page under test: a client as a user writes one, its console log, and its states written down. */
import { Charla } from "charla";
import { logTo } from "charla/console";

/** What became of the client, in order. */
globalThis.states = [];
/** A preflight is under way. */
globalThis.preflight = false;
globalThis.messages = [];
/** The chat of the address was entered. */
globalThis.isIn = false;

async function token(why) {
  const given = await globalThis.giveToken(why);
  if (given.stop) throw Object.assign(new Error(given.stop), { retry: "stop" });
  return given;
}

globalThis.enter = ({ url, lang, policy, random }) => {
  const client = new Charla({ url, policy, token, random: () => random });
  logTo(client, { lang });
  client.on("state", (state) => globalThis.states.push(state));
  client.on("trace", ({ kind, phase }) => {
    if (kind === "preflight") globalThis.preflight = phase === "asked";
  });
  client.on("subscribed", () => (globalThis.isIn = true));
  client.on("message", (message) => globalThis.messages.push(message));
  globalThis.client = client.connect();
};
