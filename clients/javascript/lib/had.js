/**
 * How far the program has processed what arrived: the next program continues from there.
 */
export class Had {
  #kept;
  #session;
  #given = null; // to the program, not known to be processed
  #anew = []; // what to store when the program has processed each waiting "restarted"

  /** `kept` is a `Kept`, `session` knows how far events have arrived. */
  constructor({ kept, session }) {
    this.#kept = kept;
    this.#session = session;
  }

  /** Another history begins, of one chat or all (null); the program does not know about it yet. */
  restarted(chat) {
    const { cursors, epoch } = this.#session;
    this.#anew.push({ chat, cursors, epoch });
  }

  /** The program gets the event. */
  give(event) {
    this.#given = event;
  }

  /** The program requests the next event: it has processed the one that it got. */
  async keep() {
    const event = this.#given;
    this.#given = null;
    if (event === null || this.#kept.user === null) return;
    const { type, chat, seq } = event;
    if (type === "restarted") await this.#keepAnew();
    else if (this.#session.cursor(chat) > 0) {
      await this.#kept.keepCursors({ [chat]: seq }, this.#kept.epoch);
    } else await this.#kept.forgetCursor(chat);
  }

  /** The program will not hear about the histories that began meanwhile. */
  skip() {
    while (this.#anew.length > 0) this.#keepAnew();
  }

  /** For another user. */
  clear() {
    this.#given = null;
    this.#anew = [];
  }

  /** The program knows about the new history. Events received from it since are not yet processed. */
  async #keepAnew() {
    const { chat, cursors, epoch } = this.#anew.shift();
    const forgetting = chat === null ? this.#kept.forgetCursors() : null;
    const now = chat === null ? cursors : { [chat]: cursors[chat] };
    await Promise.all([forgetting, this.#kept.keepCursors(now, epoch)]);
  }
}
