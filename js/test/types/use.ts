// A user's own code: compiled against the package as it is published, never run.
import { Charla, CharlaError } from "charla";
import { CAUSES } from "charla/causes";
import { FakeServer } from "charla/fake-server";
import { CAUSE_TITLES } from "charla/titles";

const charla = new Charla({
  url: "wss://chat.example/ws/",
  token: async ({ refused, expiring }) => (refused === null && !expiring ? "first" : "fresh"),
  policy: { attempts: 3, dormantProbeMs: 60_000 },
  outbox: { maxCount: 10 },
});

const off: () => void = charla.on("message", (message) => {
  const text: string = message.text;
  const seq: number = message.seq;
  const author: string = message.author.name;
  // @ts-expect-error a number is not a text
  const wrong: string = message.seq;
  // @ts-expect-error no such field
  message.sequence;
  return [text, seq, author, wrong];
});
off();

charla.on("state", ({ name, cause, code, willRetry, retryInMs, attempt, of, cycle, previous }) => {
  if (name === "waiting" && willRetry && retryInMs !== null) console.log(retryInMs / 1_000, attempt, of, cycle, code, previous);
  // @ts-expect-error there is no such state
  if (name === "lost") return;
  if (cause !== null) console.log(CAUSE_TITLES[cause]?.es, CAUSES.get(cause)?.retry);
});

charla.on("trace", (note) => {
  if (note.kind === "socket") console.log(note.url, note.attempt, note.total);
  if (note.kind === "drop") console.log(note.cause);
});

// @ts-expect-error there is no such event
charla.on("mesage", () => {});
// @ts-expect-error a token is needed
new Charla({ url: "wss://chat.example/ws/" });
// @ts-expect-error a token is a string
new Charla({ token: () => 5 });
// @ts-expect-error there is no such number in the policy
new Charla({ token: () => "", policy: { atempts: 3 } });

async function talk() {
  const { role, seq } = await charla.connect().subscribe("5", { after: 12 });
  if (role === "agent") await charla.edit("5", seq, "other words");
  const sending = charla.send("5", "hola", { data: { file: 7 } });
  const id: string = sending.id;
  // @ts-expect-error a text, not a number
  charla.send("5", 7);
  try {
    const ack = await sending;
    return [id, ack.seq, ack.sent_at];
  } catch (error) {
    if (error instanceof CharlaError && error.retry === "stop") console.log(error.cause, error.detail);
    return [];
  }
}

const { charla_report, notes } = charla.report();
const one: 1 = charla_report;
console.log(one, notes.length, charla.state.held, charla.welcome?.user.name, charla.unsent[0]?.text);

const server = new FakeServer();
server.addUser("ana");
server.addChat("5", ["ana"]);
void new Charla({ url: "ws://fake/ws/", token: () => server.token("ana"), WebSocket: server.WebSocket, fetch: server.fetch });
void talk();
