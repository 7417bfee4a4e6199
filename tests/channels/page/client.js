/** @file The page under test: what takes the place of a hook that reconnects by hand, its console log, and its states written down. */
import { logTo } from "charla/console";
import { LegacySocket } from "charla/legacy";

/** What became of the client, in order. */
globalThis.states = [];
/** A preflight is under way. */
globalThis.preflight = false;
globalThis.messages = [];

globalThis.enter = ({ url, lang, policy, random, tokenIn }) => {
  const client = new LegacySocket({ url, tenant: "acme", tokenIn, policy, token: globalThis.giveToken, random: () => random });
  logTo(client, { lang });
  client.on("state", (state) => globalThis.states.push(state));
  client.on("trace", ({ kind, phase }) => {
    if (kind === "preflight") globalThis.preflight = phase === "asked";
  });
  client.on("message", (message) => globalThis.messages.push(message));
  globalThis.client = client.connect();
};
