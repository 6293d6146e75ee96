/**
 * One chat's events in the order of their seqs: each once, and none before the one that it follows.
 * Pure.
 */
export class Order {
  #early = new Map(); // seq -> event that came before one with a lower seq

  /** `cursor` is the seq up to which everything counts as applied. */
  constructor(cursor) {
    this.cursor = cursor;
  }

  /** True while an event is missing that a later one has shown to exist. */
  get hasHole() {
    return this.#early.size > 0;
  }

  /** Goes on after `cursor`: the events that follow it, of those that came early. */
  reset(cursor) {
    this.cursor = cursor;
    for (const seq of [...this.#early.keys()]) if (seq <= cursor) this.#early.delete(seq);
    return this.#drain();
  }

  /** The events that this one made part of the order: none when it is old or ahead of a hole. */
  apply(event) {
    this.hold(event);
    return this.#drain();
  }

  /** The same, but for what follows from it: that waits for the next `apply`. */
  hold(event) {
    if (event.seq > this.cursor) this.#early.set(event.seq, event);
  }

  /** Gives the events that came early, by their seqs, and forgets them. */
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
