/**
 * Where a client stores what must outlive the program: its session, cursors and unsent changes. A
 * store is `{get(name), put(name, value), remove(name), names(beginning)}` with texts as values,
 * each directly or as a promise; `names` returns them in the order in which they were first put.
 */

/** Lost when the program ends. */
export class MemoryStore {
  #values = new Map();

  get(name) {
    return this.#values.get(name) ?? null;
  }

  put(name, value) {
    this.#values.set(name, value);
  }

  remove(name) {
    this.#values.delete(name);
  }

  names(beginning) {
    return [...this.#values.keys()].filter((name) => name.startsWith(beginning));
  }
}

/** A database in this browser, with the refresh token: for origins that serve no other pages. */
export class BrowserStore {
  #name;
  #opened = null;

  constructor(name = "hubbub client") {
    this.#name = name;
  }

  async get(name) {
    const kept = await this.#ask("readonly", (objects) => objects.index("name").get(name));
    return kept?.value ?? null;
  }

  async put(name, value) {
    await this.#ask("readwrite", (objects) => {
      const asked = objects.index("name").getKey(name);
      asked.onsuccess = () => {
        const number = asked.result;
        objects.put(number === undefined ? { name, value } : { number, name, value });
      };
      return asked;
    });
  }

  async remove(name) {
    await this.#ask("readwrite", (objects) => {
      const asked = objects.index("name").getKey(name);
      asked.onsuccess = () => {
        if (asked.result !== undefined) objects.delete(asked.result);
      };
      return asked;
    });
  }

  async names(beginning) {
    const all = await this.#ask("readonly", (objects) => objects.getAll());
    return all.map(({ name }) => name).filter((name) => name.startsWith(beginning));
  }

  async #ask(mode, request) {
    const transaction = (await this.#open()).transaction("kept", mode);
    const asked = request(transaction.objectStore("kept"));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(asked.result);
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error);
    });
  }

  #open() {
    this.#opened ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(this.#name, 1);
      request.onupgradeneeded = () => {
        const options = { keyPath: "number", autoIncrement: true };
        const objects = request.result.createObjectStore("kept", options);
        objects.createIndex("name", "name", { unique: true });
      };
      request.onsuccess = () => {
        // The user cleared the site's data: the next access creates a new database.
        request.result.onclose = () => (this.#opened = null);
        resolve(request.result);
      };
      request.onerror = () => {
        this.#opened = null; // the next access tries again
        reject(request.error);
      };
    });
    return this.#opened;
  }
}
