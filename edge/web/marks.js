/**
 * What this browser remembers of each chat: how far it is read, the draft, the newest event. Each
 * is a record of its own, so that two windows never write over each other's.
 */

const SAVE_AFTER_MS = 300;
const EXCERPT = 200; // UTF-16 units; a list shows one line
const STORES = ["reads", "drafts", "latest"];

export class Marks {
  #database;
  #clock;
  #tabs;
  #kept = Object.fromEntries(STORES.map((store) => [store, new Map()]));
  #unsaved = new Map(); // "store chat" -> {store, chat, cancel}

  /** `tabs` tells the other windows. */
  constructor({ database, clock, tabs }) {
    this.#database = database;
    this.#clock = clock;
    this.#tabs = tabs;
  }

  async load() {
    await Promise.all(STORES.map(async (store) => {
      for (const mark of await this.#database.all(store)) this.#kept[store].set(mark.chat, mark);
    }));
  }

  /** Gives a chat what was remembered of it. */
  restore(chat) {
    const { reads, drafts, latest } = this.#kept;
    // After a restore of the server's database, a mark may lie beyond the end.
    const read = reads.get(chat.id)?.read;
    chat.read = read === undefined ? null : Math.min(read, chat.timeline.cursor);
    chat.draft = drafts.get(chat.id)?.draft ?? "";
    chat.latest = latest.get(chat.id)?.latest ?? null;
    chat.latestAsOf = latest.get(chat.id)?.asOf ?? 0;
  }

  saveRead({ id, read }) {
    this.#save("reads", { chat: id, read });
    this.#tabs.say({ marked: id, read });
  }

  saveDraft({ id, draft }) {
    this.#save("drafts", { chat: id, draft });
    this.#tabs.say({ marked: id, draft });
  }

  saveLatest({ id, latest, latestAsOf }) {
    this.#save("latest", { chat: id, latest: excerptOf(latest), asOf: latestAsOf });
  }

  /** What another window saved is not saved again here, and not undone. */
  heard(id, { read, draft }) {
    if (read !== undefined) this.#take("reads", { chat: id, read });
    if (draft !== undefined) this.#take("drafts", { chat: id, draft });
  }

  async forget(id) {
    await Promise.all(STORES.map(async (store) => {
      this.#settle(store, id);
      this.#kept[store].delete(id);
      await this.#database.delete(store, id);
    }));
  }

  /** Writes what waits, because the page may go away. */
  async flush() {
    const waiting = [...this.#unsaved.values()];
    for (const { store, chat } of waiting) this.#settle(store, chat);
    await Promise.all(STORES.map(async (store) => {
      const marks = waiting.filter((one) => one.store === store)
        .map(({ chat }) => this.#kept[store].get(chat));
      if (marks.length > 0) await this.#database.putLast(store, marks);
    }));
  }

  /** Writes soon; several changes in a row are one write. */
  #save(store, mark) {
    const { chat } = mark;
    this.#kept[store].set(chat, mark);
    const key = `${store} ${chat}`;
    if (this.#unsaved.has(key)) return;
    const cancel = this.#clock.after(SAVE_AFTER_MS, () => this.#write(store, chat));
    this.#unsaved.set(key, { store, chat, cancel });
  }

  #take(store, mark) {
    this.#settle(store, mark.chat);
    this.#kept[store].set(mark.chat, mark);
  }

  async #write(store, chat) {
    this.#settle(store, chat);
    await this.#database.put(store, this.#kept[store].get(chat));
  }

  #settle(store, chat) {
    const key = `${store} ${chat}`;
    this.#unsaved.get(key)?.cancel();
    this.#unsaved.delete(key);
  }
}

function excerptOf(event) {
  if (event === null) return null;
  const { seq, at, by, type, chatName, users, message, deletedAt } = event;
  return { seq, at, by, type, chatName, users, deletedAt, message: message?.slice(0, EXCERPT) };
}
