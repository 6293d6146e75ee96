/**
 * Pending changes: in the order in which they were made in each chat, one at a time per chat,
 * repeated with the same key until the server reports the outcome. Neither stores nor sends them.
 */

const ANSWER_TIMEOUT_MS = 15_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

export class Lanes {
  #next;
  #clock;
  #random;
  #underway = new Map(); // chat -> {key, cancel}
  #pauses = new Map(); // chat -> how often in a row

  /**
   * `next(chat)` returns the oldest pending change of a chat as `{key, send}`, or undefined;
   * `send()` is true if it was sent.
   */
  constructor({ next, clock, random }) {
    this.#next = next;
    this.#clock = clock;
    this.#random = random;
  }

  /** The chat may have a pending change. */
  push(chat) {
    if (this.#underway.has(chat)) return;
    const change = this.#next(chat);
    if (change?.send()) this.#wait(chat, change.key, ANSWER_TIMEOUT_MS);
  }

  /** No change in progress will be answered any more; these chats have pending ones. */
  restart(chats) {
    for (const chat of [...this.#underway.keys()]) this.#land(chat);
    for (const chat of chats) this.push(chat);
  }

  isUnderway(chat, key) {
    return this.#underway.get(chat)?.key === key;
  }

  /** The change is stored, or permanently refused; its successor is sent with the next `push`. */
  done(chat, key) {
    if (!this.isUnderway(chat, key)) return;
    this.#land(chat);
    this.#pauses.delete(chat);
  }

  /** The change could not be made now. */
  again(chat, key, retryAfterSeconds) {
    if (!this.isUnderway(chat, key)) return;
    this.#land(chat);
    const before = this.#pauses.get(chat) ?? 0;
    this.#pauses.set(chat, before + 1);
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** before);
    this.#wait(chat, key, retryAfterSeconds ? retryAfterSeconds * 1_000 : this.#random() * longest);
  }

  #wait(chat, key, ms) {
    const cancel = this.#clock.after(ms, () => {
      this.#underway.delete(chat);
      this.push(chat);
    });
    this.#underway.set(chat, { key, cancel });
  }

  #land(chat) {
    this.#underway.get(chat)?.cancel();
    this.#underway.delete(chat);
  }
}
