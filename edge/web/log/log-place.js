/**
 * The reader's position in a log: the first row in view that older rows cannot move. It was taken in
 * one size of the log; after a resize, another row may be in view until the log is scrolled back.
 */
export class LogPlace {
  #log;
  #list;
  #kept;
  #size = "";

  /** `log` scrolls `list`, whose rows are in `kept`: key -> `{node}`. */
  constructor(log, list, kept) {
    this.#log = log;
    this.#list = list;
    this.#kept = kept;
    this.row = null; // `{key, top}`, the offset from the top of the log
  }

  /** The reader is where the log is now. */
  take() {
    this.#size = this.#sizeNow();
    this.row = this.#rowInView();
  }

  /** Scrolls back to it, or to the end. */
  keep(follows) {
    if (follows) this.#log.scrollTop = this.#log.scrollHeight;
    else this.restore(this.row);
  }

  /**
   * Calls `keep` if the log has another size. Must come before `take`: in a frame, scroll events and
   * draws come before the log's ResizeObserver.
   */
  settle(follows) {
    const size = this.#sizeNow();
    if (size === this.#size) return;
    this.#size = size;
    this.keep(follows);
  }

  restore(row) {
    const node = row && this.#kept.get(row.key)?.node;
    if (!node) return;
    const { top, height } = node.getBoundingClientRect();
    const wanted = row.top > -height ? row.top : 0; // a long text may be collapsed again
    this.#log.scrollTop += top - this.#edge - wanted;
  }

  get #edge() {
    return this.#log.getBoundingClientRect().top;
  }

  #sizeNow() {
    return [this.#log.clientWidth, this.#log.clientHeight, this.#list.offsetHeight].join(" ");
  }

  #rowInView() {
    const edge = this.#edge;
    for (const node of this.#list.children) {
      if (!node.matches(".line, .note")) continue;
      const { top, bottom } = node.getBoundingClientRect();
      if (bottom > edge) return { key: node.dataset.key, top: top - edge };
    }
    return null;
  }
}
