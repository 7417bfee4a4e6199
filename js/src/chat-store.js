/**
 * @file One chat as a screen shows it: a snapshot that is replaced whenever anything in it changes.
 *
 * Listens only while somebody looks, and lets go a moment after the last one left, so that a screen that is
 * built twice enters a chat once. What is being sent stands at the end until the chat has its number.
 */

/** A person who types says so again and again; who falls silent has stopped. */
const TYPING_MS = 6_000;
const PAGE = 50;

/**
 * @typedef {import("./frames.js").Message} Message
 * @typedef {import("./frames.js").Person} Person
 * @typedef {import("./frames.js").Ack} Ack
 *
 * @typedef {Pick<import("./client.js").Charla, "on" | "subscribe" | "unsubscribe" | "send" | "edit" | "delete" | "history" | "read" | "typing" | "state" | "welcome" | "unsent">} Client
 *   A `Charla` or a `SharedCharla`.
 *
 * @typedef {object} Unsent What this page wrote and the chat has not got yet.
 * @property {string} id
 * @property {string} text
 * @property {any} [data]
 * @property {string | null} failed The cause for which it was handed back; null while it is under way.
 *
 * @typedef {object} View
 * @property {import("./state.js").State} state Of the connection, with cause and `retryInMs`.
 * @property {string | null} title
 * @property {Message[]} messages In their order. Deleted ones are among them, without text.
 * @property {Unsent[]} unsent
 * @property {boolean} more There are older ones: `loadMore()`.
 * @property {boolean} loading
 * @property {Person[]} online
 * @property {Person[]} typing Others, at this moment.
 * @property {string | null} refused The cause for which the chat cannot be entered.
 */

/** @type {WeakMap<Client, Map<string, ChatStore>>} */
const STORES = new WeakMap();

/**
 * All who look at a chat of one client share its store.
 * @param {Client} client
 * @param {string} chat
 * @returns {ChatStore}
 */
export function storeOf(client, chat) {
  const ofClient = STORES.get(client) ?? new Map();
  STORES.set(client, ofClient);
  const store = ofClient.get(chat) ?? new ChatStore(client, chat);
  ofClient.set(chat, store);
  return store;
}

export class ChatStore {
  #client;
  #chat;
  /** @type {Set<() => void>} */
  #watchers = new Set();
  /** @type {(() => void)[] | null} What ends the listening; null while nobody looks. */
  #undo = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #leaving;
  /** @type {Map<number, Message>} By their number. */
  #messages = new Map();
  /** @type {Map<string, ReturnType<typeof setTimeout>>} By the id of who types. */
  #typing = new Map();
  /** Pages asked for before this one came are out of date. */
  #loads = 0;
  /** @type {View} */
  #view;

  /** @param {Client} client @param {string} chat */
  constructor(client, chat) {
    this.#client = client;
    this.#chat = chat;
    const { state } = client;
    this.#view = { state, title: null, messages: [], unsent: [], more: false, loading: true, online: [], typing: [], refused: null };
  }

  /** @returns {View} The same object for as long as nothing changes. */
  getSnapshot = () => this.#view;

  /**
   * @param {() => void} watcher Called when there is another snapshot.
   * @returns {() => void} Ends it.
   */
  subscribe = (watcher) => {
    clearTimeout(this.#leaving);
    this.#watchers.add(watcher);
    this.#undo ??= this.#listen();
    return () => {
      this.#watchers.delete(watcher);
      if (this.#watchers.size === 0) this.#leaving = setTimeout(() => this.#leave(), 0);
    };
  };

  /**
   * @param {string} text
   * @param {any} [data]
   * @returns {Promise<Ack> & {id: string}}
   */
  send = (text, data) => this.#follow(this.#client.send(this.#chat, text, { data }), text, data);

  /** Sends again what was handed back, under the same id. @param {string} id */
  sendAgain = (id) => {
    const found = this.#view.unsent.find((each) => each.id === id && each.failed);
    if (found) this.#follow(this.#client.send(this.#chat, found.text, { id, data: found.data }), found.text, found.data);
  };

  /** Forgets what was handed back. @param {string} id */
  discard = (id) => this.#show({ unsent: this.#view.unsent.filter((each) => each.id !== id || !each.failed) });

  /** The page before the oldest message on the screen. @returns {Promise<void>} */
  loadMore = () => this.#load(Math.min(...this.#messages.keys()));

  /** @param {boolean} on */
  setTyping = (on) => this.#client.typing(this.#chat, on);

  /** Everything up to there was seen. @param {number} seq */
  markRead = (seq) => this.#client.read(this.#chat, seq);

  /** @param {number} seq @param {string} text */
  edit = (seq, text) => this.#client.edit(this.#chat, seq, text);

  /** @param {number} seq */
  delete = (seq) => this.#client.delete(this.#chat, seq);

  #listen() {
    const client = this.#client;
    /** @template {{chat: string}} Frame @param {(frame: Frame) => void} handle @returns {(frame: Frame) => void} */
    const ours = (handle) => (frame) => frame.chat === this.#chat && handle(frame);
    this.#show({ state: client.state, refused: null });
    const undo = [
      client.on("state", () => this.#show({ state: client.state })),
      client.on("welcome", () => this.#adopt()),
      client.on("subscribed", ours((frame) => this.#entered(frame))),
      client.on("message", ours((message) => this.#put([message]))),
      client.on("edited", ours(({ seq, text, edited_at }) => this.#change(seq, { text, edited_at }))),
      client.on("deleted", ours(({ seq }) => this.#change(seq, { text: "", deleted: true, data: undefined }))),
      client.on("presence", ours(({ user, state }) => this.#seen(user, state === "joined"))),
      client.on("typing", ours(({ user, on }) => this.#types(user, on))),
    ];
    client.subscribe(this.#chat).catch(({ cause }) => this.#undo === undo && this.#show({ refused: cause, loading: false }));
    this.#adopt();
    return undo;
  }

  #leave() {
    for (const undo of this.#undo ?? []) undo();
    this.#undo = null;
    for (const timer of this.#typing.values()) clearTimeout(timer);
    this.#typing.clear();
    this.#loads += 1;
    this.#client.unsubscribe(this.#chat);
    STORES.get(this.#client)?.delete(this.#chat);
  }

  /** What an earlier load of the page wrote is on its way again. */
  #adopt() {
    const known = new Set(this.#view.unsent.map(({ id }) => id));
    for (const { id, chat, text, data } of this.#client.unsent) {
      if (chat === this.#chat && !known.has(id)) this.#follow(this.#client.send(chat, text, { id, data }), text, data);
    }
  }

  /**
   * @param {Promise<Ack> & {id: string}} sent
   * @param {string} text
   * @param {any} data
   */
  #follow(sent, text, data) {
    const { id } = sent;
    const others = () => this.#view.unsent.filter((each) => each.id !== id);
    /** @param {string | null} failed @returns {Unsent} */
    const shown = (failed) => ({ id, text, ...(data === undefined ? {} : { data }), failed });
    this.#show({ unsent: [...others(), shown(null)] });
    sent.then(
      ({ seq, sent_at }) => {
        const { user } = this.#client.welcome ?? {};
        const author = { id: user?.id ?? "", name: user?.name ?? "" };
        const isThere = this.#messages.has(seq);
        const message = { chat: this.#chat, seq, id, author, text, ...(data === undefined ? {} : { data }), sent_at };
        this.#put(isThere ? [] : [message], { unsent: others() });
      },
      ({ cause }) => this.#show({ unsent: [...others(), shown(cause)] }),
    );
    return sent;
  }

  /** @param {import("./frames.js").Subscribed} frame */
  #entered({ title, members_online: online, resumed, seq }) {
    this.#show({ title, online, refused: null, typing: [] });
    if (resumed && this.#messages.size > 0) return;
    // The list is out of date: it stays on the screen until its successor is there.
    const old = [...this.#messages.keys()];
    if (seq > 0) void this.#load(undefined, old);
    else this.#show({ loading: false, more: false });
  }

  /**
   * @param {number} [before] The latest page by default.
   * @param {number[]} [instead] Those that it replaces.
   */
  async #load(before, instead = []) {
    if (before === Infinity || (before !== undefined && (this.#view.loading || !this.#view.more))) return;
    this.#loads += 1;
    const load = this.#loads;
    this.#show({ loading: true });
    try {
      const { messages, more } = await this.#client.history(this.#chat, { before, limit: PAGE });
      if (load !== this.#loads) return;
      for (const seq of instead) this.#messages.delete(seq);
      this.#put(messages.map((message) => ({ ...message, chat: this.#chat })), { loading: false, more });
    } catch {
      // The next subscription loads anew; who asked for more asks again.
      if (load === this.#loads) this.#show({ loading: false });
    }
  }

  /** @param {Message[]} messages @param {Partial<View>} [more] What changes with them. */
  #put(messages, more) {
    for (const message of messages) this.#messages.set(message.seq, message);
    const sorted = [...this.#messages.values()].sort((a, b) => a.seq - b.seq);
    const arrived = new Set(messages.map(({ id }) => id));
    this.#show({ messages: sorted, unsent: this.#view.unsent.filter(({ id }) => !arrived.has(id)), ...more });
  }

  /** @param {number} seq @param {Partial<Message>} change */
  #change(seq, change) {
    const message = this.#messages.get(seq);
    if (message) this.#put([{ ...message, ...change }]);
  }

  /** @param {Person} user @param {boolean} isHere */
  #seen(user, isHere) {
    const others = this.#view.online.filter(({ id }) => id !== user.id);
    this.#show({ online: isHere ? [...others, user] : others });
  }

  /** @param {Person} user @param {boolean} on */
  #types(user, on) {
    clearTimeout(this.#typing.get(user.id));
    this.#typing.delete(user.id);
    if (on) this.#typing.set(user.id, setTimeout(() => this.#types(user, false), TYPING_MS));
    const others = this.#view.typing.filter(({ id }) => id !== user.id);
    this.#show({ typing: on ? [...others, user] : others });
  }

  /** @param {Partial<View>} change */
  #show(change) {
    this.#view = { ...this.#view, ...change };
    for (const watcher of this.#watchers) watcher();
  }
}
