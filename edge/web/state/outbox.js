/**
 * Messages, edits, deletions and reactions that are not yet confirmed, per chat and in order; they
 * survive a reload. An item is `pending`, `held` back briefly, or `failed`. Each window sends its
 * own items, knows those of the others, and takes over from a closed one.
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
   * `window` names this window; `locks` is `navigator.locks` if available; `tabs` notifies the
   * other windows; `onTaken()` when items were taken over from a closed window.
   */
  constructor({ database, window, locks, tabs, onTaken = () => {} }) {
    this.#database = database;
    this.#window = window;
    this.#locks = locks;
    this.#tabs = tabs;
    this.#onTaken = onTaken;
  }

  /** Loads unsent items, and takes over those of closed windows. */
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

  /** The item is queued at once; the promise resolves when it is on disk. */
  add(wanted) {
    this.#number += 1;
    const item = { state: "pending", ...wanted, number: this.#number, window: this.#window };
    this.#items.push(item);
    return this.#keep(item, {});
  }

  /** The oldest item of a chat that this window has to send. */
  next(chat) {
    return this.#items.find((item) => item.chat === chat && this.#isWaiting(item));
  }

  /** Items that are held back for a moment. */
  held() {
    return this.#items.filter(({ state }) => state === "held");
  }

  /** Those that this window holds back. */
  heldHere() {
    return this.held().filter(({ window }) => window === this.#window);
  }

  /** All items of a chat, including failed ones and those of other windows. */
  of(chat) {
    return this.#items.filter((item) => item.chat === chat);
  }

  get(clientId) {
    return this.#items.find((item) => item.clientId === clientId);
  }

  /** The chats with items that this window has to send. */
  waitingChats() {
    return new Set(this.#items.filter((item) => this.#isWaiting(item)).map((item) => item.chat));
  }

  /** `changes` as for the item in the timeline. */
  async fail(clientId, changes) {
    await this.#keep(this.get(clientId), { ...changes, state: "failed" });
  }

  async change(clientId, changes) {
    await this.#keep(this.get(clientId), changes);
  }

  /** The window that retries sends it. */
  async retry(clientId, changes) {
    await this.#keep(this.get(clientId), { ...changes, state: "pending", window: this.#window });
  }

  /** `state` says why: "stored", with its seq if it has one, or "gone": it was discarded. */
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

  /** Signed out: leaves unsent items to the next session. */
  end() {
    this.#hasEnded = true;
    this.#letGo();
  }

  #isWaiting(item) {
    return item.state === "pending" && item.window === this.#window;
  }

  /** Releases items that a closed window had held back. */
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

  /** A lock ends with its window, even if that crashes. */
  #hold() {
    this.#locks?.request(this.#window, () => this.#over);
  }

  /** Its lock becomes available when that window closes. */
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
