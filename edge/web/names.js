/**
 * Names of people by id. They never change, so each is asked for once and kept in this browser.
 */

const AT_ONCE = 6;
const UNKNOWN = "…";

export class Names {
  #api;
  #database;
  #onChange;
  #known = new Map();
  #asked = new Set(); // also those that could not be answered, until `askAgain`
  #queue = [];
  #asking = 0;

  constructor({ api, database, onChange }) {
    this.#api = api;
    this.#database = database;
    this.#onChange = onChange;
  }

  async load() {
    for (const { id, username } of await this.#database.all("names")) {
      this.#known.set(id, username);
    }
  }

  /** The name, or "…" until it is known, which `onChange` then says. */
  of(id) {
    if (!this.#known.has(id) && !this.#asked.has(id)) {
      this.#asked.add(id);
      this.#queue.push(id);
      if (this.#asking < AT_ONCE) this.#work();
    }
    return this.#known.get(id) ?? UNKNOWN;
  }

  /** The name if it is known; asks nobody. */
  known(id) {
    return this.#known.get(id);
  }

  /** The one of these people who is called so, as far as names are known here; else undefined. */
  oneCalled(name, ids) {
    const wanted = name.toLowerCase();
    return ids.find((id) => this.#known.get(id)?.toLowerCase() === wanted);
  }

  async learn({ id, username }) {
    if (this.#known.get(id) === username) return;
    this.#known.set(id, username);
    await this.#database.put("names", { id, username });
  }

  /** What could not be answered may be now. */
  askAgain() {
    this.#asked.clear();
  }

  async #work() {
    this.#asking += 1;
    for (let id; (id = this.#queue.shift()) !== undefined; ) {
      try {
        await this.learn(await this.#api.user(id));
        this.#onChange();
      } catch {
        continue; // it stays "…" until `askAgain`; no view depends on a name
      }
    }
    this.#asking -= 1;
  }
}
