/**
 * The layers over the page, and the browser's back button: each layer is one step of the history,
 * so that going back closes only it.
 */

export class Layers {
  #open = []; // functions that close them, the topmost last
  #back = null; // while the browser still has to go back: {hash}, if navigated meanwhile
  #go;

  /** `go()` follows the address when it has changed. */
  constructor({ go }) {
    this.#go = go;
    history.replaceState(null, ""); // a reload keeps the state of layers that are no longer open
  }

  /** A layer has opened; `close()` is called on going back. */
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

  /** The history has moved: `state` is the state of its entry. */
  moved(state) {
    this.#closeDownTo(state?.layers ?? 0);
    if (this.#back?.hash) history.pushState(null, "", this.#back.hash);
    this.#back = null;
    this.#go();
  }

  /** Goes to an address of the page, replacing the open layers. */
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

  /** Ends it: closing remaining layers no longer navigates. */
  end() {
    this.#open = [];
  }

  #closeDownTo(count) {
    while (this.#open.length > count) this.#open.pop()();
  }
}
