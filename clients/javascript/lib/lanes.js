/**
 * Pending changes: in the order in which they were made in each chat, one at a time per chat,
 * repeated with the same key until the server reports the outcome. Rates are per user, so some
 * refusals hold back all chats. Neither stores nor sends changes.
 */

const ANSWER_TIMEOUT_MS = 15_000;
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 10_000;
// Whatever the server names: a proxy may say hours.
const MAX_HOLD_MS = 60_000;
// Across all chats. Each may be refused once a second, and 200 refused frames in 10 s end the
// socket for good.
const MAX_UNANSWERED = 10;

export class Lanes {
  #next;
  #clock;
  #random;
  #underway = new Map(); // chat -> {key, cancel}
  #unanswered = new Set(); // the chats of `#underway` that do not pause before a retry
  #waiting = new Set(); // chats whose turn has not come
  #holds = new Set(); // functions that cancel them
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
    this.#waiting.add(chat);
    this.#goOn();
  }

  /** No change in progress will be answered any more; these chats have pending ones. */
  restart(chats) {
    for (const cancel of this.#holds) cancel();
    this.#holds.clear();
    this.#waiting.clear();
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

  /**
   * The change could not be made now: its chat waits for the time that the server named, with
   * `isForAll` every chat does.
   */
  again(chat, key, { retryAfter = 0, isForAll = false } = {}) {
    if (!this.isUnderway(chat, key)) return;
    this.#land(chat);
    if (retryAfter) {
      const ms = Math.min(MAX_HOLD_MS, retryAfter * 1_000);
      if (isForAll) {
        this.#hold(ms);
        this.push(chat);
      } else {
        this.#wait(chat, key, ms);
        this.#goOn();
      }
      return;
    }
    const before = this.#pauses.get(chat) ?? 0;
    this.#pauses.set(chat, before + 1);
    const boundMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** before);
    this.#wait(chat, key, this.#random() * boundMs);
    this.#goOn();
  }

  #goOn() {
    for (const chat of this.#waiting) {
      if (this.#holds.size > 0 || this.#unanswered.size >= MAX_UNANSWERED) return;
      this.#waiting.delete(chat);
      const change = this.#next(chat);
      if (!change?.send()) continue;
      this.#unanswered.add(chat);
      this.#wait(chat, change.key, ANSWER_TIMEOUT_MS);
    }
  }

  #hold(ms) {
    const cancel = this.#clock.after(ms, () => {
      this.#holds.delete(cancel);
      this.#goOn();
    });
    this.#holds.add(cancel);
  }

  #wait(chat, key, ms) {
    const cancel = this.#clock.after(ms, () => {
      this.#land(chat);
      this.push(chat);
    });
    this.#underway.set(chat, { key, cancel });
  }

  #land(chat) {
    this.#underway.get(chat)?.cancel();
    this.#underway.delete(chat);
    this.#unanswered.delete(chat);
  }
}
