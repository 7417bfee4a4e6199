/**
 * @file Hooks for React 18 and later: a chat, and what replaces a hook that reconnects by hand.
 *
 * A component that is mounted twice, as in Strict Mode, or unmounted and mounted again in one go, keeps its
 * one connection.
 */
import { useCallback, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import { storeOf } from "./chat-store.js";
import { Charla } from "./client.js";
import { LegacySocket } from "./legacy.js";

/**
 * @typedef {import("./chat-store.js").View} View
 * @typedef {import("./chat-store.js").ChatStore} ChatStore
 *
 * @typedef {View & Pick<ChatStore, "send" | "sendAgain" | "discard" | "loadMore" | "setTyping" | "markRead" | "edit" | "delete"> & {connect: () => void}} Chat
 */

/**
 * A chat, on a client of the page's (`client`: a `Charla` or `SharedCharla` that somebody connects) or on one of its
 * own (`url`, `token` and what else `Charla` takes). One client for the whole page is better than one a component.
 * Where there is no page (rendering on a server) the `url` must be absolute.
 * @param {{chat: string} & ({client: import("./chat-store.js").Client & {connect: () => any}} | import("./client.js").Options)} options
 * @returns {Chat}
 */
export function useChat({ chat, ...rest }) {
  const given = "client" in rest ? rest.client : null;
  const options = "client" in rest ? null : rest;
  const token = useLatest(options?.token);
  const url = String(options?.url ?? "/ws/");
  const tenant = options?.tenant;
  const own = useMemo(
    () => (options ? new Charla({ ...options, url, tenant, token: (why) => /** @type {import("./link.js").TokenSource} */ (token.current)(why) }) : null),
    // A new function for the token at every render is no reason to connect anew.
    [given, url, tenant],
  );
  useEffect(() => (own ? hold(own) : undefined), [own]);
  const client = /** @type {import("./chat-store.js").Client & {connect: () => any}} */ (given ?? own);
  const store = useMemo(() => storeOf(client, chat), [client, chat]);
  const view = useSyncExternalStore(store.subscribe, store.getSnapshot, store.getSnapshot);
  return useMemo(() => {
    const { send, sendAgain, discard, loadMore, setTyping, markRead, edit } = store;
    return { ...view, send, sendAgain, discard, loadMore, setTyping, markRead, edit, delete: store.delete, connect: () => void client.connect() };
  }, [view, store, client]);
}

/**
 * Against a server that is not Charla (Django Channels, say): any JSON in, any JSON out, within the limits of the
 * client. See `charla/legacy`.
 * @param {import("./legacy.js").Options & {onMessage?: (message: any) => void, enabled?: boolean}} options
 * @returns {{state: import("./state.js").State, connected: boolean, lastMessage: any, send: (value: any) => Promise<void>, connect: () => void}}
 */
export function useWebSocketWithRetry({ onMessage, enabled = true, ...options }) {
  const url = String(options.url);
  const { tenant, tokenIn } = options;
  const token = useLatest(options.token);
  const listener = useLatest(onMessage);
  const socket = useMemo(() => new LegacySocket({ ...options, url, token: (why) => token.current(why) }), [url, tenant, tokenIn]);
  useEffect(() => (enabled ? hold(socket) : undefined), [socket, enabled]);
  const last = useRef(/** @type {any} */ (null));
  useEffect(() => socket.on("message", (message) => listener.current?.(message)), [socket, listener]);
  const subscribe = useCallback(
    (/** @type {() => void} */ changed) => {
      const heard = (/** @type {any} */ message) => {
        last.current = message;
        changed();
      };
      const undo = [socket.on("message", heard), socket.on("state", changed)];
      return () => undo.forEach((each) => each());
    },
    [socket],
  );
  const state = useSyncExternalStore(subscribe, () => socket.state, () => socket.state);
  const lastMessage = useSyncExternalStore(subscribe, () => last.current, () => null);
  const send = useCallback((/** @type {any} */ value) => socket.send(value), [socket]);
  const connect = useCallback(() => void socket.connect(), [socket]);
  return { state, connected: state.name === "connected", lastMessage, send, connect };
}

/**
 * @template T
 * @param {T} value
 * @returns {{current: T}} Always the value of the last render.
 */
function useLatest(value) {
  const latest = useRef(value);
  useEffect(() => {
    latest.current = value;
  });
  return latest;
}

/** @typedef {{connect: () => any, close: () => void}} Connection */

/** @type {WeakMap<Connection, {count: number, isOpen: boolean, closing?: ReturnType<typeof setTimeout>}>} */
const HELD = new WeakMap();

/**
 * Connected for as long as somebody holds it.
 * @param {Connection} connection
 * @returns {() => void} Lets go.
 */
function hold(connection) {
  const held = HELD.get(connection) ?? { count: 0, isOpen: false };
  HELD.set(connection, held);
  clearTimeout(held.closing);
  held.count += 1;
  if (!held.isOpen) {
    held.isOpen = true;
    connection.connect();
  }
  return () => {
    held.count -= 1;
    if (held.count > 0) return;
    held.closing = setTimeout(() => {
      held.isOpen = false;
      connection.close();
    }, 0);
  };
}
