/**
 * The meaning of a socket's end: whether to reconnect, and after how long. No I/O, no clock.
 */

const FIRST_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 30_000;
const DRAINING = 4001;
const TOKEN_EXPIRED = 4003;
/**
 * After any other code reconnecting would not help: the client is at fault, or the session has
 * ended.
 */
const COME_BACK = new Set([
  1000, 1001, 1005, 1006, 1011, 1012, 1013, DRAINING, TOKEN_EXPIRED, 4006, 4008, 4010,
]);

export class Ends {
  #failures = 0; // sockets in a row that were no success
  #isReady = false;

  /** The socket is a success: resets the count of failures. */
  ready() {
    this.#isReady = true;
    this.#failures = 0;
  }

  /**
   * The socket ended, or could not be opened (1006): `{waitMs, refresh}`, or null if final.
   * `chance` is a random number from 0 to 1, `maxMs` limits the wait while a user is looking.
   */
  closed(code, reason, chance, maxMs = MAX_BACKOFF_MS) {
    const wasReady = this.#isReady;
    this.#isReady = false;
    if (!COME_BACK.has(code)) return null;
    // A draining node has chosen the delay for us, so that its clients reconnect spread out.
    if (code === DRAINING && /^\d+$/.test(reason)) return { waitMs: Number(reason), refresh: false };
    this.#failures = wasReady ? 0 : this.#failures + 1;
    const boundMs = Math.min(maxMs, FIRST_BACKOFF_MS * 2 ** this.#failures);
    return { waitMs: chance * boundMs, refresh: code === TOKEN_EXPIRED };
  }
}
