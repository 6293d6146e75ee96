/**
 * A brief message at the bottom of the page, with one optional action.
 */
import { element } from "./element.js";

const SHOWN_MS = 5_000;

export class Toast {
  #clock;
  #cancel = null;
  #next = ""; // what is shown after the Undo that it would take away

  constructor({ clock }) {
    this.#clock = clock;
    this.node = element("div", { class: "toasts", role: "status" });
  }

  /** `act` is `{label, take()}` or absent. */
  show(words, act) {
    if (!act && this.node.querySelector("button")) {
      this.#next = words;
      return;
    }
    this.#cancel?.();
    const button = act && element(
      "button",
      {
        class: "small", type: "button", onclick: () => {
          this.hide();
          act.take();
        },
      },
      act.label,
    );
    this.node.replaceChildren(element("p", { class: "toast" }, words, button));
    this.#cancel = this.#clock.after(SHOWN_MS, () => this.hide());
  }

  hide() {
    this.#cancel?.();
    this.#cancel = null;
    this.node.replaceChildren();
    const words = this.#next;
    this.#next = "";
    if (words) this.show(words);
  }
}
