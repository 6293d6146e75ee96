/**
 * Server look-ups while the user types: asks after a pause, one request at a time, and drops
 * answers to earlier texts. Shows nothing.
 */

const PAUSE_MS = 150;
const AGAIN_MS = 2_000;
const PASSING = new Set(["rate_limited", "unavailable"]); // retried automatically

export class Lookup {
  #ask;
  #clock;
  #onChange;
  #wanted = "";
  #answered = ""; // the text that `found` is about
  #next = null;
  #isUnderway = false;
  #cancel = () => {};

  /** `ask(text, cursor)` returns `{found, next}`; the cursor is null for the first page. */
  constructor({ ask, clock, onChange }) {
    this.#ask = ask;
    this.#clock = clock;
    this.#onChange = onChange;
    this.found = [];
    this.error = null; // why there is no answer; transient errors are retried
  }

  /** True while an answer to the current text, or its next page, is pending. */
  get isWaiting() {
    return this.#isUnderway || (!this.isCurrent && this.error === null);
  }

  /** True if the results are for the current text, not for an earlier one. */
  get isCurrent() {
    return this.#wanted === this.#answered;
  }

  get hasMore() {
    return this.#next !== null;
  }

  /** Sets the current text; asks nothing for "". Earlier results stay until the answer. */
  want(text) {
    if (text === this.#wanted) return;
    this.#wanted = text;
    this.error = null;
    this.#cancel();
    if (text === "") this.#take("", { found: [], next: null });
    else if (text !== this.#answered) this.#askAfter(PAUSE_MS);
  }

  /** Requests the next page, if there is one and no other request is pending. */
  more() {
    if (this.#next !== null && !this.isWaiting && this.error === null) this.#go();
  }

  #askAfter(ms) {
    this.#cancel();
    this.#cancel = this.#clock.after(ms, () => this.#go());
  }

  async #go() {
    if (this.#isUnderway) return; // its end continues with the current text
    const text = this.#wanted;
    const isNew = text !== this.#answered;
    let pauseMs = PAUSE_MS;
    this.#isUnderway = true;
    try {
      const page = await this.#ask(text, isNew ? null : this.#next);
      if (text === this.#wanted) {
        this.#take(text, { ...page, found: isNew ? page.found : [...this.found, ...page.found] });
      }
    } catch (error) {
      if (error.code === undefined) throw error;
      if (text === this.#wanted) this.error = error;
      pauseMs = Math.max(AGAIN_MS, (error.retryAfter ?? 0) * 1_000);
    } finally {
      this.#isUnderway = false;
    }
    if (this.error ? PASSING.has(this.error.code) : !this.isCurrent) this.#askAfter(pauseMs);
    this.#onChange();
  }

  #take(text, { found, next }) {
    this.#answered = text;
    this.found = found;
    this.#next = next;
    this.error = null;
  }
}
