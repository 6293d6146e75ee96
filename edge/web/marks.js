/**
 * What this browser remembers of each chat: how far it is read, the draft, the newest event.
 * Nothing of it is known to the server.
 */

const SAVE_AFTER_MS = 300;
const EXCERPT = 200; // UTF-16 units; a list shows one line

export class Marks {
  #database;
  #clock;
  #kept = new Map();
  #unsaved = new Map(); // chat id -> cancel

  constructor({ database, clock }) {
    this.#database = database;
    this.#clock = clock;
  }

  async load() {
    for (const mark of await this.#database.all("marks")) this.#kept.set(mark.chat, mark);
  }

  /** Gives a chat what was remembered of it. */
  restore(chat) {
    const mark = this.#kept.get(chat.id);
    if (!mark) return;
    // After a restore of the server's database, a mark may lie beyond the end.
    chat.read = mark.read === null ? null : Math.min(mark.read, chat.timeline.cursor);
    chat.draft = mark.draft;
    chat.latest = mark.latest;
  }

  /** Writes soon; several changes in a row are one write. */
  save(chat) {
    const { id, read, draft } = chat;
    this.#kept.set(id, { chat: id, read, draft, latest: excerptOf(chat.latest) });
    if (this.#unsaved.has(id)) return;
    this.#unsaved.set(id, this.#clock.after(SAVE_AFTER_MS, () => this.#write(id)));
  }

  async forget(id) {
    this.#settle(id);
    this.#kept.delete(id);
    await this.#database.delete("marks", id);
  }

  /** Writes what waits, because the page may go away. */
  async flush() {
    const ids = [...this.#unsaved.keys()];
    if (ids.length === 0) return;
    ids.forEach((id) => this.#settle(id));
    await this.#database.putLast("marks", ids.map((id) => this.#kept.get(id)));
  }

  async #write(id) {
    this.#settle(id);
    await this.#database.put("marks", this.#kept.get(id));
  }

  #settle(id) {
    this.#unsaved.get(id)?.();
    this.#unsaved.delete(id);
  }
}

function excerptOf(event) {
  if (event === null) return null;
  const { seq, at, by, type, chatName, users } = event;
  return { seq, at, by, type, chatName, users, message: event.message?.slice(0, EXCERPT) };
}
