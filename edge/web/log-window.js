/**
 * Which part of a timeline is in the document: a bounded range of seqs that moves with the reader.
 * Pure.
 */

const STEP = 50;
const OPENED = 100;
export const MOST_EVENTS_SHOWN = 400;

export class LogWindow {
  constructor() {
    this.from = 0;
    this.to = null; // null: the end, with what is unsent
  }

  get atEnd() {
    return this.to === null;
  }

  /** The newest events, from `since` on when that is not too far back. */
  toEnd({ first, cursor }, since = cursor) {
    this.to = null;
    const wanted = Math.min(cursor - OPENED + 1, since - STEP / 2);
    this.from = Math.max(first, wanted, cursor - MOST_EVENTS_SHOWN + 1);
  }

  /** Shows more of the past; false when all that is loaded is shown. */
  back({ first, cursor }) {
    if (this.from <= first) return false;
    this.from = Math.max(first, this.from - STEP);
    if ((this.to ?? cursor) - this.from >= MOST_EVENTS_SHOWN) {
      this.to = this.from + MOST_EVENTS_SHOWN - 1;
    }
    return true;
  }

  /** Shows more towards the end. */
  forth({ cursor }) {
    if (this.to === null) return;
    this.to += STEP;
    if (this.to >= cursor) this.to = null;
    this.from = Math.max(this.from, (this.to ?? cursor) - MOST_EVENTS_SHOWN + 1);
  }

  /** New events have come: who follows sees them, who reads further up loses nothing. */
  settle({ first, cursor }, follows) {
    this.from = Math.max(this.from, first);
    if (this.to !== null || cursor - this.from < MOST_EVENTS_SHOWN) return;
    if (follows) this.from = cursor - MOST_EVENTS_SHOWN / 2 + 1;
    else this.to = this.from + MOST_EVENTS_SHOWN - 1;
  }
}
