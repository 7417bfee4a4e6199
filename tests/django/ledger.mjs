/**
 * @file Who must hear what, and who has: lost, doubled and crossed are counted here, and nowhere else.
 *
 * It touches no socket. A message is for every client of its chat, the sender too, and for nobody else.
 */

/** @typedef {{tenant: string, chat: string, side: string, name: string}} Client */

export class Ledger {
  /** @type {Map<string, {client: Client, isSweep: boolean, waiting: Set<Client>, heard: Map<Client, number>}>} */
  #messages = new Map();
  #clients;
  /** Hearings of a message of another company. */
  crossedTenants = 0;
  /** Hearings of a message of another chat of the same company. */
  crossedChats = 0;
  /** Frames that are nobody's message. @type {string[]} */
  strange = [];

  /** @param {Client[]} clients */
  constructor(clients) {
    this.#clients = clients;
  }

  /**
   * A client is about to say this.
   * @param {Client} client
   * @param {string} text Unlike any other.
   * @param {boolean} [isSweep] Said behind all others on the same ways, so that what comes twice has come by then: not one of those counted as bridged.
   */
  say(client, text, isSweep = false) {
    if (this.#messages.has(text)) throw new Error(`said before: ${text}`);
    const listeners = this.#clients.filter(({ tenant, chat }) => tenant === client.tenant && chat === client.chat);
    this.#messages.set(text, { client, isSweep, waiting: new Set(listeners), heard: new Map() });
  }

  /**
   * A client has received this.
   * @param {Client} client
   * @param {{tenant?: string, texto?: string}} frame
   * @returns {boolean} Whether with this everybody has heard that message.
   */
  hear(client, frame) {
    const message = this.#messages.get(frame.texto);
    if (!message) {
      this.strange.push(`${client.name} heard ${JSON.stringify(frame)}`);
      return false;
    }
    if (client.tenant !== message.client.tenant || frame.tenant !== message.client.tenant) {
      this.crossedTenants += 1;
      return false;
    }
    if (client.chat !== message.client.chat) {
      this.crossedChats += 1;
      return false;
    }
    message.heard.set(client, (message.heard.get(client) ?? 0) + 1);
    return message.waiting.delete(client) && message.waiting.size === 0;
  }

  /** Those that somebody still waits for: text, and who. @returns {[string, string[]][]} */
  missing() {
    return [...this.#messages].filter(([, { waiting }]) => waiting.size > 0).map(([text, { waiting }]) => [text, [...waiting].map(({ name }) => name)]);
  }

  /**
   * `bridged`: messages that everybody on the other side has heard; `lost`: hearings that did not come; `duplicated`: those that came again.
   */
  count() {
    let [bridged, lost, duplicated] = [0, 0, 0];
    for (const { client, isSweep, waiting, heard } of this.#messages.values()) {
      const across = [...heard.keys()].some(({ side }) => side !== client.side);
      if (!isSweep && across && ![...waiting].some(({ side }) => side !== client.side)) bridged += 1;
      lost += waiting.size;
      for (const times of heard.values()) duplicated += times - 1;
    }
    return { bridged, lost, duplicated, crossed_tenants: this.crossedTenants };
  }

  /** Whether so many messages went as promised, and nothing else happened. */
  isRight(messages) {
    const { bridged, lost, duplicated, crossed_tenants } = this.count();
    return bridged === messages && lost + duplicated + crossed_tenants + this.crossedChats + this.strange.length === 0;
  }
}
