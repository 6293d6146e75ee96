/**
 * A notice about the connection above the composer, with a button to reconnect. The list of chats
 * announces the connection; the notice does if the open chat hides the list.
 */
import { element } from "../parts/element.js";
import { icon } from "../parts/icons.js";

const NARROW = "(max-width: 719.98px)";

export class Notice {
  #words = element("span", {});
  #next = element("span", {}); // not announced: it changes every second
  #hurry;
  #onBack;
  #isAnnounced = false; // the loss of the connection was announced here

  /** `onBack()` when a connection whose loss was announced here is back. */
  constructor({ onHurry, onBack }) {
    this.#onBack = onBack;
    this.#hurry = element(
      "button", { class: "small", type: "button", onclick: onHurry }, "Try now",
    );
    this.node = element("div", { class: "banner", hidden: true }, icon("offline"),
      element("span", {}, this.#words, " ", this.#next), this.#hurry);
  }

  /** `notice` is `{words, next, isWaiting}`, a sentence, or null. */
  render(notice, isLive) {
    if (isLive && this.#isAnnounced) {
      this.#isAnnounced = false;
      if (this.node.isConnected) this.#onBack();
    }
    const wasHidden = this.node.hidden;
    this.node.hidden = notice === null;
    if (notice === null) return;
    const { words = notice, next = "", isWaiting } = notice;
    const isNew = this.#words.textContent !== words;
    const isHeard = matchMedia(NARROW).matches
      && this.node.checkVisibility({ visibilityProperty: true }); // a panel may cover the chat
    const isAlert = wasHidden && isNew && isHeard; // once, not in each chat
    if (wasHidden) this.#words.role = isAlert ? "alert" : null;
    this.#isAnnounced ||= isAlert;
    if (isNew) this.#words.textContent = words;
    if (this.#next.textContent !== next) this.#next.textContent = next;
    this.#hurry.hidden = next === "";
    this.#hurry.disabled = !isWaiting;
  }
}
