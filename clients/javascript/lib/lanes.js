/**
 * Changes on their way: in the order of their making in each chat, one of a chat at a time, again
 * under the same key until the server has said what became of it. Neither keeps nor sends them.
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
   * `next(chat)` gives the oldest change of a chat that waits as `{key, send}`, or undefined;
   * `send()` is true when it went out.
   */
  constructor({ next, clock, random }) {
    this.#next = next;
    this.#clock = clock;
    this.#random = random;
  }

  /** Something of the chat may wait. */
  push(chat) {
    if (this.#underway.has(chat)) return;
    const change = this.#next(chat);
    if (change?.send()) this.#wait(chat, change.key, ANSWER_TIMEOUT_MS);
  }

  /** Nothing that is under way will be answered any more; these chats have something that waits. */
  restart(chats) {
    for (const chat of [...this.#underway.keys()]) this.#land(chat);
    for (const chat of chats) this.push(chat);
  }

  isUnderway(chat, key) {
    return this.#underway.get(chat)?.key === key;
  }

  /** The change is stored, or refused for good; what comes after it goes out with the next `push`. */
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
