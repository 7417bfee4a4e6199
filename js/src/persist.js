/**
 * @file Sends that nobody has acknowledged yet, kept in IndexedDB: they outlive a reload and a crash.
 *
 * What is kept is a copy: the client's own queue stays the one that counts, and a browser that keeps
 * nothing (private mode, a full disk, storage turned off) costs no message while the page lives. So nothing
 * here throws: trouble is told to `onError`, once for each kind. Every name has a database of its own: the
 * name must tell people and tenants apart, or one reads what another wrote.
 */

/**
 * @typedef {object} Entry What a client needs to send it again.
 * @property {string} id Sent again under it, a message is stored once.
 * @property {string} chat
 * @property {string} text
 * @property {unknown} [data]
 * @property {number} queuedAt
 *
 * @typedef {object} Trouble
 * @property {"queue_unavailable" | "queue_full" | "queue_failed"} cause
 * @property {"load" | "put" | "remove" | "clear"} doing
 * @property {string} detail
 *
 * @typedef {object} Queue
 * @property {() => Promise<Entry[]>} load In the order in which they were written.
 * @property {(entry: Entry) => Promise<void>} put
 * @property {(id: string) => Promise<void>} remove
 * @property {() => Promise<void>} clear When a person signs out.
 */

const STORE = "sends";
const VERSION = 1;

/**
 * @param {string} name Whose queue it is, for example `acme/42`.
 * @param {{onError?: (trouble: Trouble) => void, indexedDB?: IDBFactory}} [options]
 * @returns {Queue}
 */
export function indexedDbQueue(name, options = {}) {
  if (!name) throw new TypeError("a kept queue needs the name of the person whose it is");
  const kept = new Kept(`charla:${name}`, options);
  // Two in the same millisecond have an order too.
  let written = 0;
  return {
    load: async () => {
      /** @type {(Entry & {nth: number})[]} */
      const found = (await kept.run("load", "readonly", (store) => store.getAll())) ?? [];
      return found.sort((a, b) => a.queuedAt - b.queuedAt || a.nth - b.nth).map(({ nth, ...entry }) => entry);
    },
    put: async ({ id, chat, text, data, queuedAt }) => {
      written += 1;
      const entry = { id, chat, text, queuedAt, nth: written, ...(data === undefined ? {} : { data }) };
      await kept.run("put", "readwrite", (store) => store.put(entry));
    },
    remove: async (id) => void (await kept.run("remove", "readwrite", (store) => store.delete(id))),
    clear: async () => void (await kept.run("clear", "readwrite", (store) => store.clear())),
  };
}

class Kept {
  #name;
  #factory;
  #onError;
  /** @type {Set<string>} */
  #told = new Set();
  /** @type {Promise<IDBDatabase> | null} */
  #database = null;

  /**
   * @param {string} name
   * @param {{onError?: (trouble: Trouble) => void, indexedDB?: IDBFactory}} options
   */
  constructor(name, { onError = warn, indexedDB = globalThis.indexedDB }) {
    this.#name = name;
    this.#factory = indexedDB;
    this.#onError = onError;
  }

  /**
   * @param {Trouble["doing"]} doing
   * @param {IDBTransactionMode} mode
   * @param {(store: IDBObjectStore) => IDBRequest} act
   * @returns {Promise<any>} The result; undefined after trouble.
   */
  async run(doing, mode, act) {
    let database;
    try {
      database = await (this.#database ??= this.#open());
    } catch (error) {
      // It may be there the next time.
      this.#database = null;
      return this.#tell("queue_unavailable", doing, error);
    }
    try {
      return await committed(database.transaction(STORE, mode), act);
    } catch (error) {
      return this.#tell(isFull(error) ? "queue_full" : "queue_failed", doing, error);
    }
  }

  /** @returns {Promise<IDBDatabase>} */
  async #open() {
    return new Promise((resolve, reject) => {
      if (!this.#factory) throw new Error("this browser has no IndexedDB");
      const request = this.#factory.open(this.#name, VERSION);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const database = request.result;
        // Closed by the browser, or in the way of a later version: the next use opens it again.
        const gone = () => {
          database.close();
          this.#database = null;
        };
        database.onversionchange = gone;
        database.onclose = gone;
        resolve(database);
      };
    });
  }

  /**
   * @param {Trouble["cause"]} cause
   * @param {Trouble["doing"]} doing
   * @param {any} error
   */
  #tell(cause, doing, error) {
    if (this.#told.has(cause)) return;
    this.#told.add(cause);
    this.#onError({ cause, doing, detail: String(error?.message ?? error) });
  }
}

/**
 * @param {IDBTransaction} transaction
 * @param {(store: IDBObjectStore) => IDBRequest} act
 * @returns {Promise<any>} After the commit: a request that succeeded may still be undone by a full disk.
 */
function committed(transaction, act) {
  return new Promise((resolve, reject) => {
    const request = act(transaction.objectStore(STORE));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error ?? request.error);
    transaction.onerror = () => reject(transaction.error ?? request.error);
  });
}

/** @param {any} error */
function isFull(error) {
  return error?.name === "QuotaExceededError";
}

/** @param {Trouble} trouble */
function warn({ cause, doing, detail }) {
  console.warn(`charla: ${cause} (${doing}): ${detail}`);
}
