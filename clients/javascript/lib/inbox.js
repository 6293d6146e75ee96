/**
 * Events that wait for the program, and how far it has processed them. Knows no socket.
 */
import { Queue } from "./queue.js";

const MAX_WAITING = 10_000; // events that the program has not consumed yet

export class Inbox {
  #kept;
  #session;
  #hear;
  #anew = []; // what to store when the program has processed each waiting "restarted"
  #given = null; // to the program, not known to be processed
  #isHeard = false; // the program iterates over `events`
  #hasDropped = false; // events that the program has not had yet: they come again
  #restarts = 0;
  waiting = new Queue();

  /**
   * `kept` is a `Kept`, `session` knows how far events have arrived. `hear` is called: `full()` when
   * too many events wait, `room()` when no longer, `dropped(cursors)` when all after these were
   * dropped, `failed(error)` when the store failed.
   */
  constructor({ kept, session, hear }) {
    this.#kept = kept;
    this.#session = session;
    this.#hear = hear;
    this.isFull = false; // the program is slower than the events
  }

  events() {
    return this.waiting.loop((loop) => this.#each(loop));
  }

  async* #each(loop) {
    this.#isHeard = true;
    while (!loop.isOver) {
      await this.#keepGiven();
      if (this.#hasDropped) await this.#goBack();
      const event = await loop.take();
      if (event === undefined) return;
      if (this.isFull && this.waiting.size < MAX_WAITING / 2) {
        this.isFull = false;
        this.#hear.room();
      }
      this.#given = event;
      yield event;
    }
  }

  push(event) {
    if (event.type === "restarted") {
      const { cursors, epoch } = this.#session;
      this.#anew.push({ chat: event.chat, cursors, epoch });
      this.#restarts += 1;
    }
    if (!this.#hasDropped) {
      this.waiting.push(event);
      if (this.waiting.size <= MAX_WAITING) return;
      if (this.#isHeard) {
        this.isFull = true;
        this.#hear.full();
        return;
      }
    }
    // No consumer yet: everything since its position comes again when there is one.
    this.#hasDropped = true;
    this.waiting.clear();
    while (this.#anew.length > 0) this.#keepAnew().catch((error) => this.#hear.failed(error));
  }

  /** For another user. */
  clear() {
    this.#hasDropped = false;
    this.isFull = false;
    this.#given = null;
    this.#anew = [];
    this.waiting.clear();
  }

  /** To the place of the program: what it has not had comes once more. */
  async #goBack() {
    let cursors;
    let restarts;
    do { // until they are of the current history
      restarts = this.#restarts;
      cursors = await this.#kept.cursors();
    } while (restarts !== this.#restarts);
    if (!this.#hasDropped || this.waiting.hasEnded) return;
    this.#hasDropped = false;
    this.#hear.dropped(cursors);
  }

  /** The program requests the next event: it has processed the one that it got. */
  async #keepGiven() {
    const event = this.#given;
    this.#given = null;
    if (event === null || this.#kept.user === null) return;
    const { type, chat, seq } = event;
    if (type === "restarted") await this.#keepAnew();
    else if (this.#session.cursor(chat) > 0) {
      await this.#kept.keepCursors({ [chat]: seq }, this.#kept.epoch);
    } else await this.#kept.forgetCursor(chat);
  }

  /** The program knows about the new history. Events received from it since are not yet processed. */
  async #keepAnew() {
    const { chat, cursors, epoch } = this.#anew.shift();
    const forgetting = chat === null ? this.#kept.forgetCursors() : null;
    const now = chat === null ? cursors : { [chat]: cursors[chat] };
    await Promise.all([forgetting, this.#kept.keepCursors(now, epoch)]);
  }
}
