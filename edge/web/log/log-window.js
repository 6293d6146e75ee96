/**
 * The part of a stretch of items that is in the document: a bounded range that moves with the
 * reader. Its bounds are seqs, so that items added before it do not move it. Pure.
 */

const STEP = 50;
const OPENED = 60;
export const MOST_SHOWN = 300;

export class LogWindow {
  constructor() {
    this.from = 0;
    this.to = null; // null: the end, with unsent items
  }

  get atEnd() {
    return this.to === null;
  }

  /** The newest items, from the seq `since` on if that is not too far back. */
  toEnd(items, since = Infinity) {
    const wanted = Math.min(items.length - OPENED, at(items, since) - STEP / 2);
    this.to = null;
    this.#begin(items, Math.max(wanted, items.length - MOST_SHOWN));
  }

  /** The items around a seq; `isTail` when the stretch ends with the newest one. */
  around(items, seq, isTail) {
    const middle = at(items, seq);
    this.#begin(items, middle - STEP / 2);
    this.#end(items, middle + STEP, isTail);
  }

  /** Shows older items; false if the stretch begins here. */
  back(items, isTail) {
    const first = at(items, this.from);
    if (first === 0) return false;
    this.#begin(items, first - STEP);
    const last = this.#last(items);
    const most = Math.max(0, first - STEP) + MOST_SHOWN - 1;
    if (last > most) this.#end(items, most, isTail);
    return true;
  }

  /** Shows newer items; false if the stretch ends here and is not the last one. */
  forth(items, isTail) {
    if (this.to === null) return true;
    const last = this.#last(items);
    if (last === items.length - 1 && !isTail) return false;
    this.#end(items, last + STEP, isTail);
    const now = this.#last(items);
    this.#begin(items, Math.max(at(items, this.from), now - MOST_SHOWN + 1));
    return true;
  }

  /**
   * New items have arrived: shows them at the end, and keeps the position of a reader further up.
   */
  settle(items, follows) {
    this.from = Math.max(this.from, items[0]?.seq ?? 0); // it may have opened while empty
    const first = at(items, this.from);
    if (this.to !== null || items.length - first <= MOST_SHOWN) return;
    if (follows) this.#begin(items, items.length - MOST_SHOWN / 2);
    else this.#end(items, first + MOST_SHOWN - 1, true);
  }

  /** The shown part of a stretch, as a stretch. */
  slice({ from, items }) {
    const first = at(items, this.from);
    return {
      from: first === 0 ? from : items[first - 1].seq + 1,
      items: items.slice(first, this.#last(items) + 1),
    };
  }

  #begin(items, n) {
    const first = Math.max(0, n);
    this.from = items[first]?.seq ?? 0;
    if (first === 0) this.from = Math.min(this.from, items[0]?.seq ?? 0);
  }

  #end(items, n, isTail) {
    const isAll = n >= items.length - 1;
    this.to = isAll && isTail ? null : items[Math.min(n, items.length - 1)]?.seq ?? 0;
  }

  #last(items) {
    return this.to === null ? items.length - 1 : at(items, this.to + 1) - 1;
  }
}

/** The index of the first item with at least this seq; the length when there is none. */
function at(items, seq) {
  let low = 0;
  for (let high = items.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if (items[middle].seq < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
