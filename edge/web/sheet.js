/**
 * One layer over the page: a titled dialog that Escape or its button closes, and that gives the
 * focus back. Knows nothing of what it holds.
 */
import { element } from "./element.js";

export class Sheet {
  #dialog;

  /** `onClosed` is called once, however it was closed. */
  constructor({ title, onClosed }, ...content) {
    const close = element(
      "button",
      { class: "quiet", type: "button", "aria-label": "Close", onclick: () => this.close() },
      "Close",
    );
    this.title = element("h2", { id: "sheet-title" }, title);
    this.body = element("div", { class: "sheet-body" }, ...content);
    this.#dialog = element(
      "dialog",
      {
        class: "sheet",
        "aria-labelledby": "sheet-title",
        onclose: () => {
          this.#dialog.remove();
          onClosed?.();
        },
        onclick: (event) => {
          if (event.target === this.#dialog) this.close(); // the backdrop; inside is `body`
        },
      },
      element("div", { class: "sheet-bar" }, this.title, close),
      this.body,
    );
    document.body.append(this.#dialog);
    this.#dialog.showModal();
  }

  get isOpen() {
    return this.#dialog.open;
  }

  close() {
    this.#dialog.close();
  }
}
