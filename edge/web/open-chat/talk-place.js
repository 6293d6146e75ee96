/**
 * The place of the open chat: shows the welcome while none is open, and a `Conversation`, whose
 * separate script is loaded on first use.
 */
import { element } from "../parts/element.js";

export class TalkPlace {
  #talk;
  #make;
  #empty;
  #onCome;
  #onFocusLost;
  #conversation = null;
  #wanted = null; // `{chat, how}` of the open chat
  #wantsFocus = false;
  #mayAid = false;

  /**
   * `talk` is a `Lazy`; `make(Conversation)` creates one, which shows `empty` too; `onCome()` once
   * it is loaded, `onFocusLost()` when the focused element disappears with the chat.
   */
  constructor({ talk, make, empty, onCome, onFocusLost }) {
    this.#talk = talk;
    this.#make = make;
    this.#empty = empty;
    this.#onCome = onCome;
    this.#onFocusLost = onFocusLost;
    this.node = element("section", { class: "chat", "aria-label": "Conversation" }, empty);
  }

  /** As in `Conversation`, like all members with the same name there. */
  open(chat, how) {
    document.querySelector(":popover-open")?.hidePopover(); // a menu of the chat before
    this.#wanted = chat && { chat, how };
    if (this.#conversation) {
      const hadFocus = this.node.contains(document.activeElement);
      this.#conversation.open(chat, how);
      if (chat === null && hadFocus) this.#onFocusLost();
      return;
    }
    this.node.replaceChildren(...(chat ? [] : [this.#empty]));
    if (chat) this.#fetch();
  }

  render(how) {
    if (this.#conversation) this.#conversation.render(how);
    else if (this.#wanted) this.#fetch(); // loading failed
  }

  heard(chat, event) {
    this.#conversation?.heard(chat, event);
  }

  /** Focuses the composer. */
  focus() {
    this.#wantsFocus = true;
    this.#conversation?.composer.focus();
  }

  aid() {
    this.#mayAid = true;
    this.#conversation?.aid();
  }

  get place() {
    return this.#conversation ? this.#conversation.place : this.#wanted?.how.place;
  }

  get places() {
    return this.#conversation?.places ?? [];
  }

  get isBusy() {
    return this.#conversation?.isBusy ?? false;
  }

  #fetch() {
    this.#talk.use(({ Conversation }) => {
      if (this.#conversation || !this.#wanted) return;
      this.#conversation = this.#make(Conversation);
      this.node.replaceWith(this.#conversation.node);
      this.node = this.#conversation.node;
      this.#conversation.open(this.#wanted.chat, this.#wanted.how);
      if (this.#mayAid) this.#conversation.aid();
      if (this.#wantsFocus) this.#conversation.composer.focus();
      this.#onCome();
    });
  }
}
