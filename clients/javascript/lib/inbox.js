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
  #hasDropped = false; // events that the program has not had yet

  /**
   * `kept` is a `Kept`, `session` knows how far events have arrived. `hear` is `{full(), room(),
   * dropped(cursors)}`: too many events wait, or no longer; what came after these was dropped.
   */
  constructor({ kept, session, hear }) {
    this.#kept = kept;
    this.#hear = hear;
    this.#had = new Had({ kept, session });
    this.isFull = false; // the program is slower than the events
  }

  /** Ends an earlier loop that waits. A loop that the program leaves takes no event any more. */
  events() {
    const loop = {};
    const events = this.#each(loop);
    const leave = events.return.bind(events); // would wait for the event that `next` waits for
    return Object.assign(events, {
      return: (value) => {
        this.#queue.dismiss((consumer) => consumer === loop);
        return leave(value);
      },
    });
  }

  async* #each(loop) {
    this.#queue.dismiss();
    this.#isHeard = true;
    await this.#had.keep();
    if (this.#hasDropped) await this.#goBack();
    for (;;) {
      const event = await this.#queue.take(loop);
      if (event === undefined) return;
      if (this.isFull && this.#queue.size < MAX_WAITING / 2) {
        this.isFull = false;
        this.#hear.room();
      }
      this.#had.give(event);
      yield event;
      await this.#had.keep();
    }
  }

  push(event) {
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
    this.#had.restarted();
    this.push(event);
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
    const cursors = await this.#kept.cursors();
    if (!this.#hasDropped || this.#queue.hasEnded) return;
    this.#hasDropped = false;
    this.#queue.clear();
    this.#hear.dropped(cursors);
  }
}
