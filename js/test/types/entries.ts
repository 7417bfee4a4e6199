// Every entry of the package is read, so that each of its declarations is compiled.
import { machine } from "charla/machine";
import { logTo } from "charla/console";
import { SharedCharla, sharedToken } from "charla/tabs";
import { attach, locate } from "charla/attach";
import { indexedDbQueue } from "charla/persist";
import { LegacySocket } from "charla/legacy";
import { useChat, useWebSocketWithRetry, type Chat } from "charla/react";
import { Link } from "charla/link";

const name = "acme/42";
const shared = new SharedCharla({ name, token: sharedToken(async () => "a", { name }), queue: indexedDbQueue(name) }).connect();
logTo(shared, { lang: "es" });
export async function photo(file: File): Promise<URL> {
  const { id } = await attach(shared, "5", file);
  await shared.send("5", "", { attachments: [id] });
  // @ts-expect-error the files are named by their ids
  shared.send("5", "", { attachments: [file] });
  return new URL((await locate(shared, "5", id)).url);
}
const old = new LegacySocket({ url: "wss://old.example/ws/", token: () => "a", tokenIn: "protocol" }).connect();
logTo(old);
const link = new Link({ url: "wss://chat.example/ws/", token: () => "a", hears: (data) => console.log(data) });

export function chat(): Chat {
  const { state } = useWebSocketWithRetry({ url: "wss://old.example/ws/", token: () => "a" });
  // @ts-expect-error there is no such state
  if (state.name === "lost") link.close();
  const it = useChat({ client: shared, chat: "5" });
  const texts: string[] = it.messages.map(({ text }) => text);
  // @ts-expect-error a chat is needed
  useChat({ client: shared });
  return { ...it, title: texts[0] ?? machine().state.name };
}
