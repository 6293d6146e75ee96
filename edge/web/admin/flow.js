/**
 * Rates from counters: the difference of two readings is what happened between them. Knows no view.
 */

const KEPT = 60;

export class Flow {
  #before = null;
  #values = new Map();

  /** Adds a reading; values that are null or have decreased, as after a restart, are ignored. */
  add(atMs, figures) {
    const before = this.#before;
    this.#before = { atMs, figures };
    if (before === null) return;
    const minutes = (atMs - before.atMs) / 60_000;
    for (const [name, value] of Object.entries(figures)) {
      const earlier = before.figures[name];
      if (value === null || (earlier ?? null) === null || value < earlier || minutes <= 0) continue;
      const values = [...(this.#values.get(name) ?? []), (value - earlier) / minutes];
      this.#values.set(name, values.slice(-KEPT));
    }
  }

  /** Values per minute, from the oldest to the newest. */
  of(name) {
    return this.#values.get(name) ?? [];
  }
}
