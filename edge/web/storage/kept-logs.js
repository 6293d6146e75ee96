/**
 * The newest part of each chat read in this browser, for reading offline. Stores what was shown in
 * its current state: deleted texts are removed here too.
 */
import { change, changesMessage } from "../client/fold.js";

const STORE = "logs";
const MOST_ITEMS = 200;
const SAVE_AFTER_MS = 1_000;

export class KeptLogs {
  #database;
  #clock;
  #epoch = null; // of the server's database, to which seqs belong
  #epochs = new Map(); // chat -> the epoch in which it was stored, if loaded from storage
  #read = new Set(); // chats that were opened in this window
  #waiting = new Map(); // chat -> function that cancels its pending save
  #hasEnded = false;

  constructor({ database, clock }) {
    this.#database = database;
    this.#clock = clock;
  }

  /** The server's epoch; `isForeign` is whether the stored chat belongs to another one. */
  began(epoch) {
    this.#epoch = epoch;
  }

  isForeign(chat) {
    const kept = this.#epochs.get(chat.id);
    return kept !== undefined && kept !== this.#epoch;
  }

  /** The chat is being read: stored from now on. True if its stored part was loaded. */
  async open(chat) {
    this.#read.add(chat.id);
    if (!chat.timeline.isEmpty || this.#epoch !== null) return false;
    const kept = await this.#database.get(STORE, chat.id);
    if (!kept || !chat.timeline.isEmpty || this.#epoch !== null) return false;
    const { from, cursor, items, epoch } = kept;
    this.#epochs.set(chat.id, epoch);
    chat.reset(cursor);
    return chat.learn({ from, to: cursor, asOf: cursor, items });
  }

  /** The chat has changed, by this event if there is one. */
  changed(chat, event) {
    if (this.#read.has(chat.id)) this.#saveSoon(chat);
    else if (event && changesMessage(event)) this.#change(chat.id, event);
  }

  /** Stops storing: the existing data may be erased. */
  end() {
    this.#hasEnded = true;
    for (const cancel of this.#waiting.values()) cancel();
    this.#waiting.clear();
  }

  async forget(id) {
    this.#waiting.get(id)?.();
    this.#waiting.delete(id);
    this.#read.delete(id);
    await this.#database.delete(STORE, id);
  }

  /** Batches successive changes into one write. */
  #saveSoon(chat) {
    if (this.#waiting.has(chat.id) || this.#epoch === null || this.#hasEnded) return;
    this.#waiting.set(chat.id, this.#clock.after(SAVE_AFTER_MS, () => {
      this.#waiting.delete(chat.id);
      this.#save(chat).catch(() => {}); // the browser is full: the server has it
    }));
  }

  async #save({ id, timeline: { tail, cursor } }) {
    if (tail.items.length === 0 || !this.#read.has(id)) return;
    const items = tail.items.slice(-MOST_ITEMS);
    const from = items.length < tail.items.length ? items[0].seq : tail.from;
    await this.#database.put(STORE, { chat: id, epoch: this.#epoch, from, cursor, items });
  }

  /** Removes deleted texts from the stored part of a chat that is not open in this window. */
  async #change(id, event) {
    const kept = await this.#database.get(STORE, id);
    if (!kept || this.#read.has(id) || this.#hasEnded) return;
    const n = kept.items.findIndex((item) => item.seq === event.of && (item.asOf ?? 0) < event.seq);
    if (n < 0) return;
    kept.items[n] = { ...change(kept.items[n], event), asOf: event.seq };
    await this.#database.put(STORE, kept);
  }
}
