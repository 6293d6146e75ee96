/**
 * A list that the server returns in pages: the loaded part, and whether there is more. Knows no
 * view.
 */
export class Pages {
  #ask;
  #onChange;
  #next = null;
  #turn = 0;

  /** `ask(before)` returns `{rows, next}`; `before` is null for the first page. */
  constructor({ ask, onChange }) {
    this.#ask = ask;
    this.#onChange = onChange;
    this.rows = [];
    this.error = null; // why the last page failed
    this.isWaiting = false;
  }

  get hasMore() {
    return this.#next !== null;
  }

  /** Replaces everything with the first page; the old rows stay until it has arrived. */
  begin() {
    return this.#load(null);
  }

  more() {
    return this.isWaiting ? null : this.#load(this.#next);
  }

  /** Replaces the row with the same id. */
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
      if (turn !== this.#turn) return; // a newer reload is in progress
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
