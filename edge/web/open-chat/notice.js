/**
 * A notice about the connection above the composer, with a button to reconnect.
 */
import { element } from "../parts/element.js";
import { icon } from "../parts/icons.js";

const NARROW = "(max-width: 719.98px)";

export class Notice {
  #words = element("span", {});
  #next = element("span", {}); // not announced: it changes every second
  #hurry;

  constructor({ onHurry }) {
    this.#hurry = element(
      "button", { class: "small", type: "button", onclick: onHurry }, "Try now",
    );
    this.node = element("div", { class: "banner", hidden: true }, icon("offline"),
      element("span", {}, this.#words, " ", this.#next), this.#hurry);
  }

  /** `{words, next, isWaiting}`, a sentence, or null. */
  render(notice) {
    const wasHidden = this.node.hidden;
    this.node.hidden = notice === null;
    if (notice === null) return;
    const { words = notice, next = "", isWaiting } = notice;
    const isNew = this.#words.textContent !== words;
    // The list announces it, unless the open chat hides the list: once, not in each chat.
    if (wasHidden) this.#words.role = isNew && matchMedia(NARROW).matches ? "alert" : null;
    if (isNew) this.#words.textContent = words;
    if (this.#next.textContent !== next) this.#next.textContent = next;
    this.#hurry.hidden = next === "";
    this.#hurry.disabled = !isWaiting;
  }
}
