/**
 * The meaning of a socket's end: whether to reconnect, and after how long. No I/O, no clock.
 */

const FIRST_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 30_000;
const MAX_RETRY_AFTER_MS = 60_000; // whatever is named: a proxy may say hours
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
   * `chance` is a random number from 0 to 1, `retryAfter` is the delay that the server named, in
   * seconds; `maxMs` limits the back-off while a user is looking.
   */
  closed(code, reason, chance, retryAfter = 0, maxMs = MAX_BACKOFF_MS) {
    const wasReady = this.#isReady;
    this.#isReady = false;
    if (!COME_BACK.has(code)) return null;
    // A draining node has chosen the delay, so that its clients reconnect spread out.
    const drainMs = /^\d+$/.test(reason) ? Number(reason) : 0;
    const namedMs = code === DRAINING ? drainMs : retryAfter * 1_000;
    this.#failures = wasReady ? 0 : this.#failures + 1;
    const boundMs = Math.min(maxMs, FIRST_BACKOFF_MS * 2 ** this.#failures);
    const waitMs = Math.max(Math.min(namedMs, MAX_RETRY_AFTER_MS), chance * boundMs);
    return { waitMs, refresh: code === TOKEN_EXPIRED };
  }
}
