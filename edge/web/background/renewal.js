/**
 * Reloads the page when the server has another version, when it does not disturb the user, and not
 * in all windows at once.
 */

const ASK_EVERY_MS = 60_000;
const SPREAD_MS = 300_000;

export class Renewal {
  #ask;
  #version;
  #clock;
  #random;
  #isQuiet;
  #reload;
  #askedAt = -Infinity;
  #dueAt = null; // null while the server has the same version

  /**
   * `ask()` returns the server's version, `version` is this page's; `isQuiet()`: would a reload go
   * unnoticed?
   */
  constructor({ ask, version, clock, random, isQuiet, reload }) {
    this.#ask = ask;
    this.#version = version;
    this.#clock = clock;
    this.#random = random;
    this.#isQuiet = isQuiet;
    this.#reload = reload;
  }

  /** The server may have changed: the connection was lost, or the page was hidden for long. */
  async check() {
    const now = this.#clock.now();
    if (this.#dueAt !== null || now - this.#askedAt < ASK_EVERY_MS) return;
    this.#askedAt = now;
    let version;
    try {
      version = await this.#ask();
    } catch {
      return; // the next reconnect asks again
    }
    if (version === this.#version) return;
    this.#dueAt = this.#clock.now() + this.#random() * SPREAD_MS;
  }

  /** A periodic tick. */
  tick() {
    if (this.#dueAt === null || this.#clock.now() < this.#dueAt || !this.#isQuiet()) return;
    this.#dueAt = Infinity;
    this.#reload();
  }
}
