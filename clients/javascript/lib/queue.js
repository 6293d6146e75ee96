/**
 * What came and was not taken yet, in the order of its coming.
 */
export class Queue {
  #items = [];
  #takers = [];
  #error = null;

  get size() {
    return this.#items.length;
  }

  /** Where there are `most` already the oldest one goes. */
  push(item, most = Infinity) {
    const taker = this.#takers.shift();
    if (taker) taker.resolve(item);
    else {
      if (this.#items.length >= most) this.#items.shift();
      this.#items.push(item);
    }
  }

  /** Nothing comes any more: who takes what is left gets this error then. */
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

  async take() {
    if (this.#items.length > 0) return this.#items.shift();
    if (this.#error !== null) throw this.#error;
    return new Promise((resolve, reject) => this.#takers.push({ resolve, reject }));
  }
}
