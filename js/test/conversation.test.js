import assert from "node:assert/strict";
import { test } from "node:test";
import { Conversation } from "../../web/page/conversation.js";

const ANA = { id: "42", name: "Ana", role: "member" };
const LUIS = { id: "43", name: "Luis" };
const NOON = Date.parse("2026-11-23T12:00:00Z");

function message(seq, author = LUIS, minutes = seq, text = `message ${seq}`) {
  return { seq, id: `id-${seq}`, author, text, sent_at: new Date(NOON + minutes * 60_000).toISOString() };
}

function conversation(...messages) {
  const chat = new Conversation("5", ANA);
  chat.page({ messages, more: false });
  return chat;
}

const kinds = (chat) => chat.rows().map(({ kind, seq }) => (kind === "message" ? seq : kind));

test("days stand between messages of different days", () => {
  const chat = conversation(message(1), message(2, LUIS, 2 * 24 * 60));
  assert.deepEqual(kinds(chat), ["day", 1, "day", 2]);
});

test("messages of one person within five minutes stand together", () => {
  const rows = conversation(message(1), message(2), message(3, ANA), message(4, ANA, 20)).rows();
  const heads = rows.filter(({ kind }) => kind === "message").map(({ first, last }) => [first, last]);
  assert.deepEqual(heads, [[true, false], [false, true], [true, true], [true, true]]);
});

test("a message counts once, whether the ack or the echo comes first", () => {
  for (const echoFirst of [true, false]) {
    const chat = conversation();
    chat.write("id-1", "hola", NOON);
    assert.equal(chat.rows().at(-1).pending, true);
    const echo = () => chat.add({ ...message(1, ANA), text: "hola" });
    const ack = () => chat.acked({ id: "id-1", seq: 1, sent_at: message(1).sent_at });
    for (const come of echoFirst ? [echo, ack] : [ack, echo]) come();
    assert.deepEqual(kinds(chat), ["day", 1]);
    assert.equal(chat.rows().at(-1).pending, undefined);
  }
});

test("a failed send stays where it was until it is discarded", () => {
  const chat = conversation(message(1));
  chat.write("mine", "hola", NOON + 3_600_000);
  chat.failed("mine", "message_too_long");
  assert.equal(chat.rows().at(-1).failed, "message_too_long");
  chat.discard("mine");
  assert.deepEqual(kinds(chat), ["day", 1]);
});

test("the line of the new messages stands before the first of them and stays there", () => {
  const chat = conversation(message(1), message(2), message(3, ANA), message(4));
  chat.read(ANA.id, 1);
  chat.markUnread(2);
  chat.read(ANA.id, 4);
  assert.deepEqual(kinds(chat), ["day", 1, "unread", 2, 3, 4]);
  assert.equal(chat.rows()[2].count, 2);
});

test("ticks: who has read my message, by their marker or by having written since", () => {
  const chat = conversation(message(1, ANA), message(2, ANA));
  chat.read(LUIS.id, 1);
  assert.deepEqual(chat.rows().map(({ readBy }) => readBy), [undefined, [LUIS.id], []]);
  chat.add(message(3));
  assert.deepEqual(chat.rows()[2].readBy, ["Luis"]);
});

test("a chat that never ends does not grow without end", () => {
  const chat = conversation();
  for (let seq = 1; seq <= 1_001; seq += 1) chat.add(message(seq));
  chat.forgetOldest();
  assert.deepEqual([chat.firstSeq, chat.lastSeq, chat.more], [402, 1_001, true]);
});

test("one's own can be changed, everybody's by an agent, a deleted one by nobody", () => {
  const chat = conversation(message(1), message(2, ANA), message(3, ANA));
  chat.deleted({ seq: 3, rev: 1 });
  const changeable = () => chat.rows().slice(1).map((row) => row.changeable);
  assert.deepEqual(changeable(), [false, true, false]);
  chat.me = { ...ANA, role: "agent" };
  assert.deepEqual(changeable(), [true, true, false]);
  assert.equal(chat.rev, 1);
});

test("a resume keeps what is there, anything else starts anew", () => {
  const chat = conversation(message(1), message(2));
  const frame = { title: "Chat", state: "open", rev: 4, members_online: [LUIS], reads: [], messages: [] };
  assert.equal(chat.subscribed({ ...frame, resumed: true }), false);
  assert.equal(chat.lastSeq, 2);
  assert.equal(chat.subscribed({ ...frame, resumed: false, messages: [message(80), message(81)] }), true, "a short page wants more");
  assert.deepEqual([chat.firstSeq, chat.lastSeq, chat.more], [80, 81, true]);
  assert.equal(chat.subscribed({ ...frame, resumed: false }), true, "nothing came along: history must be asked");
});
