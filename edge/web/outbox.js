/**
 * What was written and is not yet known to be stored, per chat and in order; it survives a reload.
 * Each window sends what it wrote, and takes over what a closed window left behind.
 */

const STORE = "outbox";

export class Outbox {
  #database;
  #window;
  #locks;
  #items = [];
  #number = 0;

  /** `window` names this window; `locks` is `navigator.locks` where there is one. */
  constructor({ database, window, locks }) {
    this.#database = database;
    this.#window = window;
    this.#locks = locks;
  }

  /** Reads what windows that are gone have left; gives it in the order in which it was written. */
  async load() {
    this.#hold();
    const others = await this.#living();
    const kept = await this.#database.all(STORE);
    this.#items = kept.filter((item) => !others.has(item.window)).sort(byAge);
    this.#number = Math.max(0, ...kept.map((item) => item.number));
    await Promise.all(this.#items.map((item) => this.#keep(item, { window: this.#window })));
    return [...this.#items];
  }

  /** The item is in the queue at once; the promise says that it is on disk too. */
  add({ clientId, chat, text, at }) {
    this.#number += 1;
    const item = { clientId, chat, text, at, number: this.#number, state: "pending", window: "" };
    this.#items.push(item);
    return this.#keep(item, { window: this.#window });
  }

  /** The oldest of a chat that waits to be sent. */
  next(chat) {
    return this.#items.find((item) => item.chat === chat && item.state === "pending");
  }

  /** Everything of a chat, also what failed. */
  of(chat) {
    return this.#items.filter((item) => item.chat === chat);
  }

  get(clientId) {
    return this.#items.find((item) => item.clientId === clientId);
  }

  /** The chats in which something waits to be sent. */
  waitingChats() {
    return new Set(this.#items.filter((item) => item.state === "pending").map((item) => item.chat));
  }

  async fail(clientId, reason) {
    await this.#keep(this.get(clientId), { state: "failed", reason });
  }

  async retry(clientId) {
    await this.#keep(this.get(clientId), { state: "pending", reason: undefined });
  }

  async remove(clientId) {
    if (!this.get(clientId)) return;
    this.#items = this.#items.filter((item) => item.clientId !== clientId);
    await this.#database.delete(STORE, clientId);
  }

  async #keep(item, changes) {
    if (!item) return;
    Object.assign(item, changes);
    await this.#database.put(STORE, item);
  }

  /** A lock lives exactly as long as its window, also when that crashes. */
  #hold() {
    this.#locks?.request(this.#window, () => new Promise(() => {}));
  }

  async #living() {
    if (!this.#locks) return new Set();
    const { held } = await this.#locks.query();
    return new Set(held.map((lock) => lock.name).filter((name) => name !== this.#window));
  }
}

function byAge(a, b) {
  return a.number - b.number || (a.at < b.at ? -1 : 1);
}
