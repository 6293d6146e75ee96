/**
 * What flows, from figures that only grow: the difference of two is what came between them. Knows
 * no view.
 */

const KEPT = 60;

export class Flow {
  #before = null;
  #values = new Map();

  /** Figures of a moment; one that is null or has shrunk, as after a restart, says nothing. */
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

  /** A minute, from the oldest to the newest. */
  of(name) {
    return this.#values.get(name) ?? [];
  }
}
