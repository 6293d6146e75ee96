/**
 * What this browser keeps for one person, in IndexedDB: one database per account, so that
 * logging out can take all of it away. Knows its stores, not what is in them.
 *
 * When a page goes away, IndexedDB undoes what it had not committed. What is put in that moment lies
 * in localStorage too, which writes at once, and whoever opens the store next takes it from there.
 */

const KEYS = { outbox: "clientId", drafts: "chat", chats: "id", logs: "chat", names: "id" };
const VERSION = 4;

export class Database {
  #name;
  #opened = null;
  #isErased = false; // by this window or another one: from then on nothing is kept
  #ahead = new Map(); // store -> what is in it, or on its way

  constructor(name) {
    this.#name = name;
  }

  /** Raises where nothing can be kept. */
  async open() {
    await this.#open();
  }

  /**
   * Begins to read stores of which somebody wants all soon. What another window puts until then is
   * missed: only for what the server tells better.
   */
  readAhead(stores) {
    for (const store of stores) {
      this.#ahead.set(store, this.#all(store));
      this.#ahead.get(store).catch(() => {}); // whoever wants it is told
    }
  }

  /** Everything in a store, in order of its keys. */
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

  /** Puts what must be kept even if the page is gone in the next moment. */
  async putLast(store, values) {
    if (this.#isErased) return;
    const all = [...this.#lastOf(store), ...values];
    try {
      localStorage.setItem(this.#lastKey(store), JSON.stringify(all));
    } catch {
      // It is full: the database may have it in time.
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
    transaction.commit(); // without waiting to hear that it was put
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
        // Another window logs out: it must not wait for this one.
        request.result.onversionchange = ({ newVersion }) => {
          this.#isErased ||= newVersion === null;
          request.result.close();
        };
        // Somebody clears what the browser keeps: what comes is kept in a new one.
        request.result.onclose = () => (this.#opened = null);
        resolve(request.result);
      };
      request.onerror = () => reject(request.error);
    });
    return this.#opened;
  }
}

/**
 * Stores of earlier versions: the first kept all that it knew of a chat in one record. Markers of
 * what is read are the server's, and what was said last comes with the list.
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

/** A browser that is full says so only now, when all has been put. */
function committed(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

/** The same for as long as the window is open, where a browser forbids keeping anything. */
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

/** The lasting one, or the passing one when that cannot be opened. */
export async function openDatabase(name) {
  const database = new Database(name);
  try {
    await database.open();
    return { database, isLasting: true };
  } catch {
    return { database: new PassingDatabase(), isLasting: false };
  }
}
