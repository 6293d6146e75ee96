/**
 * The buttons over a log: to its end, with the number of messages that came meanwhile, and back to
 * the first new message.
 */
import { element } from "../parts/element.js";
import { icon } from "../parts/icons.js";

export class Jumps {
  #latest;
  #toNew;
  #words = element("span", {}, "Latest");

  /** `scrollBy(px)` for wheel events over the first button. */
  constructor({ onLatest, onNew, scrollBy }) {
    this.#latest = element(
      "button",
      {
        class: "latest", type: "button", hidden: true, onclick: onLatest,
        onwheel: ({ deltaY }) => scrollBy(deltaY),
      },
      icon("down-arrow"),
      this.#words,
    );
    this.#toNew = element(
      "button",
      {
        class: "latest to-new", type: "button", hidden: true,
        "aria-label": "Back to the first new message", onclick: onNew,
      },
      icon("up-arrow"),
      "New",
    );
    this.nodes = [this.#toNew, this.#latest];
  }

  /** `unseen` messages are below what was in view; `isFar` if the end is. */
  render({ unseen, isFar, isNewAbove }) {
    this.#toNew.hidden = !isNewAbove;
    this.#latest.hidden = unseen === 0 && !isFar;
    const words = unseen > 0 ? `${unseen} new` : "Latest";
    if (this.#words.textContent !== words) this.#words.textContent = words;
  }
}
