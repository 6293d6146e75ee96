/**
 * Received items that were not taken yet, in the order of arrival.
 */
export class Queue {
  #items = [];
  #takers = [];
  #error = null;

  get size() {
    return this.#items.length;
  }

  get hasEnded() {
    return this.#error !== null;
  }

  /** If there are already `most`, drops the oldest. */
  push(item, most = Infinity) {
    const taker = this.#takers.shift();
    if (taker) taker.resolve(item);
    else {
      if (this.#items.length >= most) this.#items.shift();
      this.#items.push(item);
    }
  }

  /** Ends the queue: consumers get this error once nothing is left. */
  fail(error) {
    this.#error = error;
    for (const taker of this.#takers.splice(0)) taker.reject(error);
  }

  goOn() {
    this.#error = null;
  }

  clear() {
    this.#items = [];
  }

  /** The next item for this consumer; undefined once it is dismissed. */
  async take(consumer) {
    if (this.#items.length > 0) return this.#items.shift();
    if (this.#error !== null) throw this.#error;
    return new Promise((resolve, reject) => this.#takers.push({ consumer, resolve, reject }));
  }

  /** These consumers no longer wait. */
  dismiss(isMeant = () => true) {
    const meant = this.#takers.filter(({ consumer }) => isMeant(consumer));
    this.#takers = this.#takers.filter((taker) => !meant.includes(taker));
    for (const { resolve } of meant) resolve(undefined);
  }
}
