/**
 * This browser's storage for one person, in IndexedDB: one database per account, so that logging
 * out can delete all of it. Knows its stores, not their contents.
 *
 * When a page closes, IndexedDB rolls back uncommitted writes. Data put at that moment is also
 * written to localStorage, which is synchronous, and the next one to open the store takes it from
 * there.
 */

const KEYS = { outbox: "clientId", drafts: "chat", chats: "id", logs: "chat", names: "id" };
const VERSION = 4;

export class Database {
  #name;
  #opened = null;
  #isErased = false; // by this window or another: from then on nothing is stored
  #ahead = new Map(); // store -> its preloaded content, or the promise of it

  constructor(name) {
    this.#name = name;
  }

  /** Raises if nothing can be stored. */
  async open() {
    await this.#open();
  }

  /**
   * Starts reading stores that will be needed completely. Writes by other windows until then are
   * missed: only for data that the server corrects.
   */
  readAhead(stores) {
    for (const store of stores) {
      this.#ahead.set(store, this.#all(store));
      this.#ahead.get(store).catch(() => {}); // the consumer gets the error
    }
  }

  /** Everything in a store, in key order. */
  async all(store) {
    const ahead = this.#ahead.get(store);
    this.#ahead.delete(store);
    return ahead ?? this.#all(store);
  }

  async #all(store) {
    const left = this.#lastOf(store);
    if (left.length > 0) await this.#putLeft(store, left);
    return (await this.#ask(store, "readonly", (objects) => objects.getAll())) ?? [];
  }

  async put(store, value) {
    return this.#ask(store, "readwrite", (objects) => objects.put(value));
  }

  /** One value, or undefined. */
  async get(store, key) {
    return this.#ask(store, "readonly", (objects) => objects.get(key));
  }

  /** All of them or none. */
  async putAll(store, values) {
    if (values.length === 0) return;
    await this.#ask(store, "readwrite", (objects) => values.map((value) => objects.put(value)).at(-1));
  }

  /** Stores data that must survive even if the page closes right now. */
  async putLast(store, values) {
    if (this.#isErased) return;
    const all = [...this.#lastOf(store), ...values];
    try {
      localStorage.setItem(this.#lastKey(store), JSON.stringify(all));
    } catch {
      // It is full: the database may still get it in time.
    }
    await this.#putLeft(store, values);
  }

  async delete(store, key) {
    return this.#ask(store, "readwrite", (objects) => objects.delete(key));
  }

  async clear(store) {
    return this.#ask(store, "readwrite", (objects) => objects.clear());
  }

  async erase() {
    for (const store of Object.keys(KEYS)) localStorage.removeItem(this.#lastKey(store));
    (await this.#open()).close();
    this.#isErased = true;
    await settled(indexedDB.deleteDatabase(this.#name));
  }

  #lastKey(store) {
    return `${this.#name} ${store}`;
  }

  #lastOf(store) {
    return JSON.parse(localStorage.getItem(this.#lastKey(store)) ?? "[]");
  }

  /** Transactions keep their order, so the last of two values of one key stays. */
  async #putLeft(store, values) {
    await this.putAll(store, values);
    localStorage.removeItem(this.#lastKey(store));
  }

  async #ask(store, mode, request) {
    const opened = await this.#open();
    if (this.#isErased) return undefined;
    const transaction = opened.transaction(store, mode, { durability: "relaxed" });
    const asked = request(transaction.objectStore(store));
    if (mode === "readonly") return settled(asked);
    transaction.commit(); // without waiting for the write's result
    return committed(transaction);
  }

  #open() {
    this.#opened ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(this.#name, VERSION);
      request.onupgradeneeded = () => {
        const { objectStoreNames } = request.result;
        for (const [store, keyPath] of Object.entries(KEYS)) {
          if (objectStoreNames.contains(store)) continue;
          request.result.createObjectStore(store, { keyPath });
        }
        takeOver(request, [...objectStoreNames].filter((store) => !(store in KEYS)));
      };
      request.onsuccess = () => {
        // Another window is logging out: it must not wait for this one.
        request.result.onversionchange = ({ newVersion }) => {
          this.#isErased ||= newVersion === null;
          request.result.close();
        };
        // The browser's storage was cleared: new data goes into a new database.
        request.result.onclose = () => (this.#opened = null);
        resolve(request.result);
      };
      request.onerror = () => reject(request.error);
    });
    return this.#opened;
  }
}

/**
 * Stores of earlier versions: the first kept everything about a chat in one record. Read markers
 * are the server's, and last messages come with the list.
 */
function takeOver({ result, transaction }, stores) {
  if (stores.includes("marks")) {
    transaction.objectStore("marks").getAll().onsuccess = ({ target }) => {
      const drafts = transaction.objectStore("drafts");
      for (const { chat, draft } of target.result) drafts.put({ chat, draft });
      result.deleteObjectStore("marks");
    };
  }
  for (const store of stores.filter((name) => name !== "marks")) result.deleteObjectStore(store);
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** A full browser reports it only now, at the end. */
function committed(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

/** The same, in memory, if the browser forbids storage. */
export class PassingDatabase {
  #stores = Object.fromEntries(Object.keys(KEYS).map((store) => [store, new Map()]));

  async all(store) {
    return [...this.#stores[store].values()];
  }

  async get(store, key) {
    return this.#stores[store].get(key);
  }

  async put(store, value) {
    this.#stores[store].set(value[KEYS[store]], value);
  }

  async putAll(store, values) {
    for (const value of values) await this.put(store, value);
  }

  async putLast(store, values) {
    await this.putAll(store, values);
  }

  async delete(store, key) {
    this.#stores[store].delete(key);
  }

  async clear(store) {
    this.#stores[store].clear();
  }

  async erase() {
    for (const store of Object.values(this.#stores)) store.clear();
  }
}

/** The persistent one, or the one in memory if that cannot be opened. */
export async function openDatabase(name) {
  const database = new Database(name);
  try {
    await database.open();
    return { database, isLasting: true };
  } catch {
    return { database: new PassingDatabase(), isLasting: false };
  }
}
