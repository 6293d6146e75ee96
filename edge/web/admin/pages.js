/**
 * A list that the server gives in pages: what has come of it, and whether there is more. Knows no
 * view.
 */
export class Pages {
  #ask;
  #onChange;
  #next = null;
  #turn = 0;

  /** `ask(before)` gives `{rows, next}`; `before` is null for the first page. */
  constructor({ ask, onChange }) {
    this.#ask = ask;
    this.#onChange = onChange;
    this.rows = [];
    this.error = null; // why the last page did not come
    this.isWaiting = false;
  }

  get hasMore() {
    return this.#next !== null;
  }

  /** The first page in place of all; what was there stays until it has come. */
  begin() {
    return this.#load(null);
  }

  more() {
    return this.isWaiting ? null : this.#load(this.#next);
  }

  /** Puts a row in place of the one with its id. */
  replace(row) {
    this.rows = this.rows.map((one) => (one.id === row.id ? row : one));
    this.#onChange();
  }

  remove(id) {
    this.rows = this.rows.filter((one) => one.id !== id);
    this.#onChange();
  }

  async #load(before) {
    this.#turn += 1;
    const turn = this.#turn;
    this.isWaiting = true;
    this.error = null;
    this.#onChange();
    try {
      const { rows, next } = await this.#ask(before);
      if (turn !== this.#turn) return; // another beginning is on its way
      this.rows = before === null ? rows : [...this.rows, ...rows];
      this.#next = next;
    } catch (error) {
      if (error.code === undefined) throw error;
      if (turn !== this.#turn) return;
      this.error = error;
    }
    this.isWaiting = false;
    this.#onChange();
  }
}
