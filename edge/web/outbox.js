/**
 * What was written, edited, deleted or reacted and is not yet known to be stored, per chat and in
 * order; it survives a reload. An item is `pending`, `held` back for a moment, or `failed`.
 * Each window sends what it wrote, knows what the others wrote, and takes over
 * from one that is gone.
 */

const STORE = "outbox";

export class Outbox {
  #database;
  #window;
  #locks;
  #tabs;
  #onTaken;
  #items = [];
  #number = 0;
  #watched = new Set();
  #hasEnded = false;
  #letGo;
  #over = new Promise((resolve) => {
    this.#letGo = resolve;
  });

  /**
   * `window` names this window; `locks` is `navigator.locks` where there is one; `tabs` tells the
   * other windows; `onTaken()` when something was taken over from a window that is gone.
   */
  constructor({ database, window, locks, tabs, onTaken = () => {} }) {
    this.#database = database;
    this.#window = window;
    this.#locks = locks;
    this.#tabs = tabs;
    this.#onTaken = onTaken;
  }

  /** Reads what is unsent, and takes over what windows that are gone have left. */
  async load() {
    this.#hold();
    const [living, items] = await Promise.all([this.#living(), this.#database.all(STORE)]);
    this.#items = items.sort(byAge);
    this.#number = Math.max(0, ...this.#items.map((item) => item.number));
    const left = this.#items.filter((item) => !living.has(item.window));
    await Promise.all(left.map((item) => this.#take(item)));
    for (const { window } of this.#items) this.#watch(window);
    return left;
  }

  /** The item is in the queue at once; the promise says that it is on disk too. */
  add(wanted) {
    this.#number += 1;
    const item = { state: "pending", ...wanted, number: this.#number, window: this.#window };
    this.#items.push(item);
    return this.#keep(item, {});
  }

  /** The oldest of a chat that waits to be sent by this window. */
  next(chat) {
    return this.#items.find((item) => item.chat === chat && this.#isWaiting(item));
  }

  /** What is held back for a moment. */
  held() {
    return this.#items.filter(({ state }) => state === "held");
  }

  /** Everything of a chat, also what failed and what other windows wrote. */
  of(chat) {
    return this.#items.filter((item) => item.chat === chat);
  }

  get(clientId) {
    return this.#items.find((item) => item.clientId === clientId);
  }

  /** The chats in which something waits to be sent by this window. */
  waitingChats() {
    return new Set(this.#items.filter((item) => this.#isWaiting(item)).map((item) => item.chat));
  }

  /** `changes` as those of the item in the timeline. */
  async fail(clientId, changes) {
    await this.#keep(this.get(clientId), { ...changes, state: "failed" });
  }

  /** Whichever window tries again sends it. */
  async retry(clientId, changes) {
    await this.#keep(this.get(clientId), { ...changes, state: "pending", window: this.#window });
  }

  /** `state` says why: "stored", with its seq where it has one, or "gone": nobody wants it any more. */
  async remove(clientId, state = "gone", seq = undefined) {
    const item = this.get(clientId);
    if (!item) return;
    this.#items = this.#items.filter((other) => other !== item);
    this.#tabs.say({ unsent: { ...item, state, seq } });
    await this.#database.delete(STORE, clientId);
  }

  /** Another window wrote, changed or sent something: `{clientId, state, …}`. */
  heard(item) {
    this.#items = this.#items.filter((other) => other.clientId !== item.clientId);
    if (item.state === "gone" || item.state === "stored") return;
    this.#items = [...this.#items, item].sort(byAge);
    this.#number = Math.max(this.#number, item.number);
    this.#watch(item.window);
  }

  /** Nobody is signed in any more: what is unsent is left to whoever opens the next one. */
  end() {
    this.#hasEnded = true;
    this.#letGo();
  }

  #isWaiting(item) {
    return item.state === "pending" && item.window === this.#window;
  }

  /** What a window that is gone had held back is not held back any longer. */
  #take(item) {
    const state = item.state === "held" ? "pending" : item.state;
    return this.#keep(item, { window: this.#window, state });
  }

  async #keep(item, changes) {
    if (!item || this.#hasEnded) return;
    Object.assign(item, changes);
    this.#tabs.say({ unsent: { ...item } });
    await this.#database.put(STORE, item);
  }

  /** A lock lives no longer than its window, also when that crashes. */
  #hold() {
    this.#locks?.request(this.#window, () => this.#over);
  }

  /** Its lock is to be had when that window is gone. */
  #watch(window) {
    if (!this.#locks || window === this.#window || this.#watched.has(window)) return;
    this.#watched.add(window);
    this.#locks.request(window, () => {
      this.#watched.delete(window);
      if (this.#hasEnded) return;
      const left = this.#items.filter((item) => item.window === window);
      for (const item of left) this.#take(item);
      if (left.length > 0) this.#onTaken();
    });
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
