/**
 * Received items that were not taken yet, in the order of arrival.
 */
export class Queue {
  #items = [];
  #takers = [];
  #loop = null; // the one that takes
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

  /**
   * What `each(loop)` yields, one loop at a time: a new one ends an earlier one, and one that the
   * program leaves takes nothing any more. `loop` is `{isOver, take()}`; `take` gives the next item,
   * or undefined once the loop is over.
   */
  loop(each = everything) {
    const loop = {
      isOver: false,
      take: async () => (loop.isOver ? undefined : this.#take()),
    };
    const items = this.#run(loop, each);
    const leave = items.return.bind(items); // would wait for the item that `take` waits for
    return Object.assign(items, {
      return: (value) => {
        if (this.#loop === loop) this.#begin(null);
        return leave(value);
      },
    });
  }

  async* #run(loop, each) {
    this.#begin(loop);
    yield* each(loop);
  }

  #begin(loop) {
    if (this.#loop !== null) this.#loop.isOver = true;
    this.#loop = loop;
    for (const { resolve } of this.#takers.splice(0)) resolve(undefined);
  }

  #take() {
    if (this.#items.length > 0) return this.#items.shift();
    if (this.#error !== null) throw this.#error;
    return new Promise((resolve, reject) => this.#takers.push({ resolve, reject }));
  }
}

async function* everything(loop) {
  for (let item = await loop.take(); item !== undefined; item = await loop.take()) yield item;
}
