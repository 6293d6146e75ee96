/**
 * Loads missed events page by page, until nothing is missing or the socket that needed them has
 * ended.
 */
import { NoAnswer, NotFound, Unauthenticated } from "./errors.js";

const AGAIN_MS = 1_000;
const MAX_AGAIN_MS = 60_000; // whatever the server requests
const MAX_PAGES = 8; // in flight: by so much may what waits for a slow program exceed its limit

export class Pulls {
  #rest;
  #session;
  #follow;
  #isFull;
  #isOver;
  #clock;
  #pages = 0;
  #waiting = [];
  #pauses = new Set(); // functions that end them

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
    this.#clock = clock;
  }

  async load(first) {
    for (let pull = first; pull && this.#isNeeded(pull); ) {
      while (this.#isFull() || this.#pages >= MAX_PAGES) {
        await new Promise((resolve) => this.#waiting.push(resolve));
      }
      this.#pages += 1;
      let outputs = [{ pull }]; // the same again, if it fails
      let restMs = 0; // of the time that the server names
      let next;
      try {
        outputs = await this.#page(pull).catch((error) => {
          restMs = Math.min((error.retryAfter ?? 0) * 1_000, MAX_AGAIN_MS) - AGAIN_MS;
          return outputs;
        });
        next = outputs.find((output) => output.pull?.chat === pull.chat);
        this.#follow(outputs.filter((output) => output !== next));
        // It brought nothing. No other chat takes its place among the pages meanwhile:
        // however many are behind, a server in trouble gets few requests.
        if (next?.pull.after === pull.after) await this.#pause(AGAIN_MS);
      } finally {
        this.#pages -= 1;
        this.#waiting.shift()?.();
      }
      if (restMs > 0 && this.#isNeeded(pull)) await this.#pause(restMs);
      pull = next?.pull;
    }
  }

  /** There is room again. */
  goOn() {
    for (const go of this.#waiting.splice(0)) go();
  }

  /** Ends all pauses before retries. */
  hurry() {
    for (const end of this.#pauses) end();
  }

  #pause(ms) {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, () => end());
      const end = () => {
        cancel();
        this.#pauses.delete(end);
        resolve();
      };
      this.#pauses.add(end);
    });
  }

  #isNeeded(pull) {
    return this.#session.wants(pull) && !this.#isOver();
  }

  /** The session's outputs for the next page, if it is still needed. */
  async #page(pull) {
    if (!this.#isNeeded(pull)) return [];
    const path = `/api/chat/${pull.chat}/events?after=${pull.after}&limit=200`;
    try {
      const { events, more } = await this.#rest.call("GET", path, undefined, { repeatMs: 0 });
      if (!areEventsOf(pull.chat, events)) {
        const wrong = new NoAnswer(`What came for chat ${pull.chat} is no page of events.`);
        console.warn(wrong.message);
        throw wrong;
      }
      return this.#session.pulled(pull, events, more);
    } catch (error) {
      if (error instanceof NotFound) return this.#session.gone(pull);
      if (error instanceof Unauthenticated) return []; // the socket says the same
      throw error;
    }
  }
}

/** Whether these have what the session reads of each event. */
function areEventsOf(chat, events) {
  return Array.isArray(events) && events.every((event) => (
    event?.chat === chat && Number.isInteger(event.seq) && typeof event.type === "string"
    && (event.type !== "participant.removed" || Array.isArray(event.users))
  ));
}
