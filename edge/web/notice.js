/**
 * A notice about the connection above the composer, with a button to reconnect.
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
    // Not a live region: the words change every second, and the list announces it once.
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
