/**
 * One chat's events in the order of their seqs: each once, without gaps. Pure.
 */
export class Order {
  #early = new Map(); // seq -> event that arrived before one with a lower seq

  /** `cursor` is the seq up to which everything counts as applied. */
  constructor(cursor) {
    this.cursor = cursor;
  }

  /** True while an event is missing that a later one shows to exist. */
  get hasGap() {
    return this.#early.size > 0;
  }

  /** Continues after `cursor`; returns the events following it that arrived early. */
  reset(cursor) {
    this.cursor = cursor;
    for (const seq of [...this.#early.keys()]) if (seq <= cursor) this.#early.delete(seq);
    return this.#drain();
  }

  /** The events that this one adds to the order: none if it is old or follows a gap. */
  apply(event) {
    this.hold(event);
    return this.#drain();
  }

  /** The same, but events that could follow it wait for the next `apply`. */
  hold(event) {
    if (event.seq > this.cursor) this.#early.set(event.seq, event);
  }

  /** Returns the events that arrived early, by seq, and forgets them. */
  takeEarly() {
    const early = [...this.#early.values()].sort((a, b) => a.seq - b.seq);
    this.#early.clear();
    return early;
  }

  #drain() {
    const applied = [];
    for (let event; (event = this.#early.get(this.cursor + 1)); ) {
      this.#early.delete(event.seq);
      this.cursor = event.seq;
      applied.push(event);
    }
    return applied;
  }
}
