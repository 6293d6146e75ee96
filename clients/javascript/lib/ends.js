/**
 * What the end of a socket means: whether to come back, and after how long. No I/O, no clock.
 */

const FIRST_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 30_000;
const DRAINING = 4001;
const TOKEN_EXPIRED = 4003;
/** After any other code coming back would not help: the client is wrong, or the session is over. */
const COME_BACK = new Set([
  1000, 1001, 1005, 1006, 1011, 1012, 1013, DRAINING, TOKEN_EXPIRED, 4006, 4008, 4010,
]);

export class Ends {
  #failures = 0; // sockets in a row that did not become ready
  #isReady = false;

  /** The socket takes frames: what comes after it is another row. */
  ready() {
    this.#isReady = true;
    this.#failures = 0;
  }

  /**
   * The socket ended, or none was had (1006): `{waitMs, refresh}`, or null for good. `chance` is a
   * random number from 0 to 1, `maxMs` bounds the wait where somebody watches.
   */
  closed(code, reason, chance, maxMs = MAX_BACKOFF_MS) {
    const wasReady = this.#isReady;
    this.#isReady = false;
    if (!COME_BACK.has(code)) return null;
    // A draining node has drawn the delay for us, so that its clients come back spread out.
    if (code === DRAINING && /^\d+$/.test(reason)) return { waitMs: Number(reason), refresh: false };
    this.#failures = wasReady ? 0 : this.#failures + 1;
    const boundMs = Math.min(maxMs, FIRST_BACKOFF_MS * 2 ** this.#failures);
    return { waitMs: chance * boundMs, refresh: code === TOKEN_EXPIRED };
  }
}
