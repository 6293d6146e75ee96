/**
 * What this browser stores of each chat: the draft, and the chat's state, so that the list is shown
 * before the server answers. Two records, so that windows never overwrite each other's drafts.
 */

import { saidIn } from "../text/said.js";

const SAVE_AFTER_MS = 300;
const EXCERPT = 200; // UTF-16 units; a list shows one line
const STORES = ["drafts", "chats"];

export class Marks {
  #database;
  #clock;
  #tabs;
  #kept = Object.fromEntries(STORES.map((store) => [store, new Map()]));
  #unsaved = Object.fromEntries(STORES.map((store) => [store, new Set()]));
  #cancels = new Map(); // store -> function that cancels its pending write

  /** `tabs` tells the other windows. */
  constructor({ database, clock, tabs }) {
    this.#database = database;
    this.#clock = clock;
    this.#tabs = tabs;
  }

  async load() {
    const [drafts, chats] = await Promise.all(STORES.map((store) => this.#database.all(store)));
    for (const mark of drafts) this.#kept.drafts.set(mark.chat, mark);
    for (const mark of chats) this.#kept.chats.set(mark.id, mark);
  }

  /** The stored chats, in the server's form. */
  chats() {
    return [...this.#kept.chats.values()];
  }

  /**
   * `{draft, answered, edit}`: the text, the message it replies to or null, and an unfinished edit,
   * `{row, text}`, or null.
   */
  draftOf(id) {
    const { draft = "", answered = null, edit = null } = this.#kept.drafts.get(id) ?? {};
    return { draft, answered, edit };
  }

  saveDraft({ id, draft, answered, edit }) {
    const mark = {
      chat: id, draft, answered: answered && quotedOf(answered),
      edit: edit && { row: editedOf(edit.row), text: edit.text },
    };
    this.#save("drafts", id, mark);
    this.#tabs.say({ drafted: mark });
  }

  saveChat({ id, detail, latest, mine, read, unread, mentions }) {
    const own = { ...mine, read, unread, mentions };
    this.#save("chats", id, { id, ...detail, last: excerptOf(latest), mine: own });
  }

  /** Does not save again, or overwrite, what another window has saved. */
  heard(mark) {
    this.#unsaved.drafts.delete(mark.chat);
    this.#kept.drafts.set(mark.chat, mark);
  }

  /** A user who is added again finds their draft, unless the chat was deleted. */
  async forget(id, { isOver }) {
    await Promise.all((isOver ? STORES : ["chats"]).map(async (store) => {
      this.#unsaved[store].delete(id);
      this.#kept[store].delete(id);
      await this.#database.delete(store, id);
    }));
  }

  /** Writes pending data because the page may be closed: drafts exist nowhere else. */
  async flush() {
    const drafts = this.#take("drafts");
    const chats = this.#take("chats");
    if (drafts.length > 0) await this.#database.putLast("drafts", drafts);
    if (chats.length > 0) await this.#database.putAll("chats", chats);
  }

  /** Writes soon; batches successive changes. */
  #save(store, id, mark) {
    this.#kept[store].set(id, mark);
    this.#unsaved[store].add(id);
    if (this.#cancels.has(store)) return;
    this.#cancels.set(store, this.#clock.after(SAVE_AFTER_MS, () => {
      this.#database.putAll(store, this.#take(store)).catch(() => {}); // the browser is full
    }));
  }

  /** The records to write now. */
  #take(store) {
    this.#cancels.get(store)?.();
    this.#cancels.delete(store);
    const marks = [...this.#unsaved[store]].map((id) => this.#kept[store].get(id));
    this.#unsaved[store].clear();
    return marks;
  }
}

function quotedOf({ seq, messageId, name, text, attachments }) {
  return { seq, messageId, name, text: saidIn(text, attachments) };
}

/** The part of a row needed while its text is edited. */
function editedOf({ seq, messageId, text, attachments }) {
  return { seq, messageId, text, attachments };
}

function excerptOf(message) {
  if (message === null) return null;
  const { type, chat, seq, at, by, messageId, deletedAt, attachments, mentions } = message;
  const text = message.message.slice(0, EXCERPT);
  return { type, chat, seq, at, by, messageId, deletedAt, attachments, mentions, message: text };
}
