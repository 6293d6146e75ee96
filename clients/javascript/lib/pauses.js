/**
 * Pauses that can all be ended early at once.
 */
export class Pauses {
  #clock;
  #ends = new Set();

  constructor(clock) {
    this.#clock = clock;
  }

  async take(ms) {
    let end;
    const over = new Promise((resolve) => { end = resolve; });
    const cancel = this.#clock.after(ms, end);
    this.#ends.add(end);
    await over;
    this.#ends.delete(end);
    cancel();
  }

  end() {
    for (const end of this.#ends) end();
  }
}
