/**
 * Events that wait for the program, and how far it has processed them. Knows no socket.
 */
import { Had } from "./had.js";
import { Queue } from "./queue.js";

const MAX_WAITING = 10_000;

export class Inbox {
  #kept;
  #hear;
  #had;
  #queue = new Queue();
  #isHeard = false; // the program iterates over `events`
  #hasDropped = false; // events that the program has not had yet: they come again
  #restarts = 0; // while that is so

  /**
   * `kept` is a `Kept`, `session` knows how far events have arrived. `hear` is called: `full()` when
   * too many events wait, `room()` when no longer, `dropped(cursors)` when all after these were
   * dropped.
   */
  constructor({ kept, session, hear }) {
    this.#kept = kept;
    this.#hear = hear;
    this.#had = new Had({ kept, session });
    this.isFull = false; // the program is slower than the events
  }

  events() {
    return this.#queue.loop((loop) => this.#each(loop));
  }

  async* #each(loop) {
    this.#isHeard = true;
    while (!loop.isOver) {
      await this.#had.keep();
      if (this.#hasDropped) await this.#goBack();
      const event = await loop.take();
      if (event === undefined) return;
      if (this.isFull && this.#queue.size < MAX_WAITING / 2) {
        this.isFull = false;
        this.#hear.room();
      }
      this.#had.give(event);
      yield event;
    }
  }

  push(event) {
    if (this.#hasDropped) return;
    this.#queue.push(event);
    if (this.#queue.size <= MAX_WAITING) return;
    if (this.#isHeard) {
      this.isFull = true;
      this.#hear.full();
    } else { // no consumer yet
      this.#hasDropped = true;
      this.#queue.clear();
      this.#had.skip();
    }
  }

  /** Another history begins; `event` says so to the program. */
  restart(event) {
    this.#had.restarted(event.chat);
    if (!this.#hasDropped) {
      this.push(event);
      return;
    }
    this.#restarts += 1;
    this.#had.skip();
  }

  /** Once nothing is left, consumers get this error. */
  fail(error) {
    this.#queue.fail(error);
  }

  goOn() {
    this.#queue.goOn();
  }

  /** For another user. */
  clear() {
    this.#hasDropped = false;
    this.isFull = false;
    this.#queue.clear();
    this.#had.clear();
  }

  /** To the place of the program: what it has not had comes once more. */
  async #goBack() {
    let cursors;
    let restarts;
    do { // until they are of the current history
      restarts = this.#restarts;
      cursors = await this.#kept.cursors();
    } while (restarts !== this.#restarts);
    if (!this.#hasDropped || this.#queue.hasEnded) return;
    this.#hasDropped = false;
    this.#hear.dropped(cursors);
  }
}
