/**
 * A sentence above the composer about the connection, with the way to hurry it.
 */
import { element } from "./element.js";
import { icon } from "./icons.js";

export class Notice {
  #words = element("span", {});
  #hurry;

  constructor({ onHurry }) {
    this.#hurry = element(
      "button", { class: "small", type: "button", onclick: onHurry }, "Try now",
    );
    // No live region: the words change every second, and the list says the same once.
    this.node = element("div", { class: "banner", hidden: true }, icon("offline"), this.#words,
      this.#hurry);
  }

  /** `{words, isWaiting}`, a sentence, or null. */
  render(notice) {
    this.node.hidden = notice === null;
    if (notice === null) return;
    const words = notice.words ?? notice;
    if (this.#words.textContent !== words) this.#words.textContent = words;
    this.#hurry.hidden = notice.words === undefined;
    this.#hurry.disabled = !notice.isWaiting;
  }
}
