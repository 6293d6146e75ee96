/**
 * A layer over the page: a titled dialog, closed by Escape, its button or going back, which
 * restores the focus. Knows nothing of its content.
 */
import { newId } from "../client/ids.js";
import { element } from "./element.js";
import { icon } from "./icons.js";

export class Sheet {
  #dialog;
  #layers;
  #close = () => this.close();

  constructor({ title, layers }, ...content) {
    const id = `sheet-${newId()}`;
    this.#layers = layers;
    this.title = element("h2", { id }, title);
    this.body = element("div", { class: "sheet-body" }, ...content);
    this.#dialog = element(
      "dialog",
      {
        class: "sheet",
        "aria-labelledby": id,
        onclose: () => {
          layers.closed(this.#close);
          this.#dialog.remove();
        },
        onclick: (event) => {
          if (event.target === this.#dialog) this.close(); // the backdrop; inside is `body`
        },
      },
      element(
        "div",
        { class: "sheet-bar" },
        this.title,
        element(
          "button",
          { class: "bare", type: "button", "aria-label": "Close", onclick: this.#close },
          icon("close"),
        ),
      ),
      this.body,
    );
    document.body.append(this.#dialog);
    this.#dialog.showModal();
    layers.opened(this.#close);
  }

  get isOpen() {
    return this.#dialog.open;
  }

  close() {
    this.#dialog.close();
  }
}
