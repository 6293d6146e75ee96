/**
 * What lies over the page, and the browser's way back: each layer is one step of the history, so
 * that going back closes it and nothing else.
 */

export class Layers {
  #open = []; // functions that close, the topmost last
  #back = null; // while the browser is still to go back: {hash}, gone to meanwhile
  #go;

  /** `go()` follows the address when it has changed. */
  constructor({ go }) {
    this.#go = go;
    history.replaceState(null, ""); // a reload keeps the state of what is not open any more
  }

  /** A layer has opened; `close()` is called when the way back is taken. */
  opened(close) {
    this.#open.push(close);
    history.pushState({ layers: this.#open.length }, "");
  }

  /** A layer was closed by its own button. */
  closed(close) {
    const at = this.#open.indexOf(close);
    if (at < 0) return;
    this.#open.splice(at, 1);
    this.#back = {};
    history.back();
  }

  /** The history has moved: `state` is what its entry says. */
  moved(state) {
    this.#closeDownTo(state?.layers ?? 0);
    if (this.#back?.hash) history.pushState(null, "", this.#back.hash);
    this.#back = null;
    this.#go();
  }

  /** Goes to an address of the page, in place of the layers that are open. */
  goTo(hash) {
    if (this.#open.length > 0) {
      this.#closeDownTo(0);
      history.replaceState(null, "", hash);
    } else if ((location.hash || "#") !== hash) {
      history.pushState(null, "", hash);
      if (this.#back) this.#back.hash = hash;
    }
    this.#go();
  }

  /** It is over: whoever closes what is still open goes nowhere by that. */
  end() {
    this.#open = [];
  }

  #closeDownTo(count) {
    while (this.#open.length > count) this.#open.pop()();
  }
}
