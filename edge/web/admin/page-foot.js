/**
 * The foot of a paged list: how much is loaded, and a button for the rest.
 */
import { element } from "../parts/element.js";
import { refused } from "./refusals.js";

export class PageFoot {
  #said = element("p", { class: "sum", role: "status", tabindex: "-1" });
  #more;

  constructor({ label, onMore }) {
    this.#more = element("button", { type: "button", hidden: true, onclick: onMore }, label);
    this.node = element("div", { class: "foot-line" }, this.#said, this.#more);
  }

  /** `words` are shown if there was no error. */
  render(pages, words) {
    const said = pages.error ? refused(pages.error) : words;
    if (this.#said.textContent !== said) this.#said.textContent = said;
    this.#said.classList.toggle("error", pages.error !== null);
    const hadFocus = document.activeElement === this.#more;
    this.#more.hidden = !pages.hasMore && pages.error === null;
    if (hadFocus && this.#more.hidden) this.#said.focus();
  }
}
