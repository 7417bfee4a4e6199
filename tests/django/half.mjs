/**
 * @file Half the clients on uvicorn, half on Charla, one Redis between them: everybody hears everybody of their chat, once. `cargo xtask django` runs it.
 *
 * Paced: no more than {@link UNHEARD_MAX} messages are on their way at a time. channels_redis drops in silence what finds 100 messages
 * waiting for a process; how fast a stack may be pushed until it does is another question than whether anything is lost between two of them.
 */
import { parseArgs } from "node:util";

import { Ledger } from "./ledger.mjs";
import { Site, token, WebSocket } from "./site.mjs";
import { World } from "./world.mjs";

/** Less than half of what channels_redis lets wait for a process. */
const UNHEARD_MAX = 40;
/** Without a single hearing for so long, what is missing is lost. */
const SILENCE_MS = 20_000;
const SIDES = ["uvicorn", "charla"];
/** Support, who may enter every chat: two on each side. */
const PEOPLE = [3, 4];
const CHATS = ["5", "6", "7"];
/** Longer than any run. */
const TOKEN_LIFE_S = 24 * 3_600;

/** A socket, and who it is. */
async function connect(site, { tenant, chat, side, user }) {
  const socket = new WebSocket(site.socket(tenant, chat, token(user, TOKEN_LIFE_S), side));
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject).once("close", (code) => reject(new Error(`closed with ${code}`))));
  return { tenant, chat, side, name: `${tenant}/${chat}/${side}/${user}`, socket };
}

/** Everybody comes in. */
async function enter(site) {
  const clients = [];
  for (const tenant of ["acme", "globex"])
    for (const chat of CHATS) for (const side of SIDES) for (const user of PEOPLE) clients.push(await connect(site, { tenant, chat, side, user }));
  return clients;
}

/**
 * They talk, each in turn, and at the end everybody once more, behind all the rest.
 * @param {object[]} clients
 * @param {number} messages
 * @param {object} [options]
 * @param {(client: object, frame: any) => [object, any][]} [options.ear] What is heard instead, for the self-check.
 * @param {number} [options.silenceMs]
 * @param {(done: number) => void} [options.onProgress]
 * @returns {Promise<{ledger: Ledger, closed: string[]}>} `closed`: sockets that ended meanwhile.
 */
async function talk(clients, messages, { ear = (client, frame) => [[client, frame]], silenceMs = SILENCE_MS, onProgress } = {}) {
  const ledger = new Ledger(clients);
  const closed = [];
  const total = messages + clients.length;
  const run = Math.random().toString(36).slice(2, 8);
  let [said, done] = [0, 0];
  await new Promise((finish) => {
    let silence;
    const wake = () => {
      clearTimeout(silence);
      silence = setTimeout(finish, silenceMs);
    };
    const next = () => {
      while (said < total && said - done < UNHEARD_MAX && (said < messages || done >= messages)) {
        const client = clients[said % clients.length];
        const texto = `${run} ${said}`;
        ledger.say(client, texto, said >= messages);
        said += 1;
        client.socket.send(JSON.stringify({ texto, oportunidad_id: said }));
      }
      if (done < total) return;
      clearTimeout(silence);
      finish();
    };
    const hear = (client, data) => {
      wake();
      for (const [who, frame] of ear(client, JSON.parse(data))) {
        if (!ledger.hear(who, frame)) continue;
        done += 1;
        onProgress?.(done);
      }
      next();
    };
    for (const client of clients) {
      client.socket.removeAllListeners("message").on("message", (data) => hear(client, data));
      client.socket.removeAllListeners("close").on("close", (code, reason) => closed.push(`${client.name}: ${code} ${reason}`));
    }
    wake();
    next();
  });
  return { ledger, closed };
}

/** One message is withheld from one client, one comes twice to another, and one is carried to the other company: all three must be reported. */
async function selfCheck(clients, say) {
  const [withheld, doubled, carried] = clients;
  const other = clients.find(({ tenant }) => tenant !== carried.tenant);
  const fresh = new Set([withheld, doubled, carried]);
  const ear = (client, frame) => {
    if (!fresh.delete(client)) return [[client, frame]];
    if (client === withheld) return [];
    return [[client, frame], [client === doubled ? client : other, frame]];
  };
  const { ledger } = await talk(clients, clients.length, { ear, silenceMs: 3_000 });
  const { bridged: _, ...seen } = ledger.count();
  say(`self-check, one withheld, one doubled, one carried across: ${JSON.stringify(seen)}`);
  if (JSON.stringify(seen) !== JSON.stringify({ lost: 1, duplicated: 1, crossed_tenants: 1 })) {
    throw new Error("the count is blind to what was done to it, and so proves nothing");
  }
}

/** What was promised, and what came. @returns {Promise<boolean>} */
async function run({ json, messages, layer, bare }) {
  const say = (line) => json || process.stderr.write(`${line}\n`);
  const world = await World.start();
  let site;
  try {
    site = await Site.start(world, { chat: "charla", layer, bare, limits: false });
    const clients = await enter(site);
    say(`${clients.length} clients of two companies in ${CHATS.length} chats each, half of them on uvicorn; layer ${layer}`);
    const began = performance.now();
    const { ledger, closed } = await talk(clients, messages, {
      onProgress: (done) => done % 1_000 === 0 && say(`${done} of ${messages} heard by everybody`),
    });
    const seconds = (performance.now() - began) / 1_000;
    const isRight = ledger.isRight(messages) && closed.length === 0;
    // Where something is missing, that it is seen is proven.
    if (isRight) await selfCheck(clients, say);
    for (const client of clients) client.socket.removeAllListeners("close").terminate();
    say(`${messages} messages in ${seconds.toFixed(1)} s, no more than ${UNHEARD_MAX} on their way at a time`);
    const troubles = [
      ...closed.map((line) => `closed: ${line}`),
      ...ledger.strange.map((line) => `strange: ${line}`),
      ...ledger.missing().map(([text, who]) => `"${text}" not heard by ${who.join(", ")}`),
    ];
    if (ledger.crossedChats > 0) troubles.push(`${ledger.crossedChats} hearings in another chat`);
    for (const line of troubles.slice(0, 20)) process.stderr.write(`${line}\n`);
    if (troubles.length > 20) process.stderr.write(`and ${troubles.length - 20} more\n`);
    process.stdout.write(`${JSON.stringify(ledger.count())}\n`);
    return isRight;
  } finally {
    await site?.end();
    await world.end();
  }
}

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    messages: { type: "string", default: "10000" },
    layer: { type: "string", default: "core" },
    bare: { type: "boolean", default: false },
  },
});
const messages = Number(values.messages);
if (!Number.isSafeInteger(messages) || messages < 1 || !["core", "pubsub"].includes(values.layer)) {
  process.stderr.write("cargo xtask django [--json] [--messages N] [--layer core|pubsub] [--bare]\n");
  process.exit(64);
}
process.exitCode = (await run({ ...values, messages })) ? 0 : 1;
