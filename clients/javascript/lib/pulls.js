/**
 * Loads missed events page by page, until nothing is missing or the socket that needed them has
 * ended.
 */
import { NotFound, Unauthenticated } from "./errors.js";
import { Pauses } from "./pauses.js";

const AGAIN_MS = 1_000;
const MAX_AGAIN_MS = 60_000; // whatever the server requests

export class Pulls {
  #rest;
  #session;
  #follow;
  #isFull;
  #isOver;
  #pauses;
  #waiting = [];

  /**
   * `follow(outputs)` handles the outputs for a page. While `isFull()` no further page is
   * requested, and none at all once `isOver()`.
   */
  constructor({ rest, session, clock, follow, isFull, isOver }) {
    this.#rest = rest;
    this.#session = session;
    this.#follow = follow;
    this.#isFull = isFull;
    this.#isOver = isOver;
    this.#pauses = new Pauses(clock);
  }

  async begin(first) {
    for (let pull = first; pull && this.#session.wants(pull) && !this.#isOver(); ) {
      if (this.#isFull()) await new Promise((resolve) => this.#waiting.push(resolve));
      const outputs = await this.#page(pull);
      if (outputs === null) continue;
      const next = outputs.find((output) => output.pull?.chat === pull.chat);
      this.#follow(outputs.filter((output) => output !== next));
      if (next?.pull.after === pull.after) await this.#pauses.take(AGAIN_MS); // it brought nothing
      pull = next?.pull;
    }
  }

  /** There is room again. */
  goOn() {
    for (const go of this.#waiting.splice(0)) go();
  }

  /** Ends all pauses before retries. */
  hurry() {
    this.#pauses.end();
  }

  /** The session's outputs for the next page, or null if it failed. */
  async #page(pull) {
    const path = `/api/chat/${pull.chat}/events?after=${pull.after}&limit=200`;
    try {
      const options = { repeatMs: AGAIN_MS };
      const { events, more } = await this.#rest.call("GET", path, undefined, options);
      return this.#session.pulled(pull, events, more);
    } catch (error) {
      if (error instanceof NotFound) return this.#session.gone(pull);
      if (error instanceof Unauthenticated) return []; // the socket says the same
      const askedMs = Math.max(AGAIN_MS, (error.retryAfter ?? 0) * 1_000);
      await this.#pauses.take(Math.min(askedMs, MAX_AGAIN_MS));
      return null;
    }
  }
}
