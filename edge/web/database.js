/**
 * What this browser keeps for one person, in IndexedDB: one database per account, so that
 * logging out can take all of it away. Knows its stores, not what is in them.
 */

const KEYS = { outbox: "clientId", marks: "chat", names: "id" };

export class Database {
  #name;
  #opened = null;

  constructor(name) {
    this.#name = name;
  }

  /** Everything in a store, in order of its keys. */
  async all(store) {
    return this.#ask(store, "readonly", (objects) => objects.getAll());
  }

  async put(store, value) {
    return this.#ask(store, "readwrite", (objects) => objects.put(value));
  }

  async delete(store, key) {
    return this.#ask(store, "readwrite", (objects) => objects.delete(key));
  }

  async erase() {
    (await this.#open()).close();
    this.#opened = null;
    await settled(indexedDB.deleteDatabase(this.#name));
  }

  async #ask(store, mode, request) {
    const transaction = (await this.#open()).transaction(store, mode, { durability: "relaxed" });
    const asked = request(transaction.objectStore(store));
    // A page that goes away hears no answer, and what then is not committed is undone.
    if (mode === "readwrite") transaction.commit();
    return settled(asked);
  }

  #open() {
    this.#opened ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(this.#name, 1);
      request.onupgradeneeded = () => {
        for (const [store, keyPath] of Object.entries(KEYS)) {
          request.result.createObjectStore(store, { keyPath });
        }
      };
      request.onsuccess = () => {
        // Another window logs out: it must not wait for this one.
        request.result.onversionchange = () => request.result.close();
        resolve(request.result);
      };
      request.onerror = () => reject(request.error);
    });
    return this.#opened;
  }
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** The same for as long as the window is open, where a browser forbids keeping anything. */
export class PassingDatabase {
  #stores = Object.fromEntries(Object.keys(KEYS).map((store) => [store, new Map()]));

  async all(store) {
    return [...this.#stores[store].values()];
  }

  async put(store, value) {
    this.#stores[store].set(value[KEYS[store]], value);
  }

  async delete(store, key) {
    this.#stores[store].delete(key);
  }

  async erase() {
    for (const store of Object.values(this.#stores)) store.clear();
  }
}

/** The lasting one, or the passing one when that cannot be opened. */
export async function openDatabase(name) {
  const database = new Database(name);
  try {
    await database.all("names");
    return { database, isLasting: true };
  } catch {
    return { database: new PassingDatabase(), isLasting: false };
  }
}
