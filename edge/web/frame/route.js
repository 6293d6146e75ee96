/**
 * Which chat is open: follows the page's address, which names a chat and maybe one of its messages,
 * and changes it.
 */
import { namedHere } from "../text/addresses.js";
import { keepPlace, takePlace } from "./place.js";

export class Route {
  #chats;
  #layers;
  #show;
  #at = null; // the seq in the address
  #place = takePlace(); // the position from before a reload of this window, once
  #checked; // the address

  /** `layers` as in `layers.js`; `show({seq, place})` shows the open chat, or none. */
  constructor({ chats, layers, show }) {
    this.#chats = chats;
    this.#layers = layers;
    this.#show = show;
    this.open = undefined; // the open chat, null for none, undefined at first
    this.wasUnread = false; // when it was opened
  }

  goTo(chat) {
    this.#layers.goTo(chat ? `#${chat.id}` : "#");
  }

  goToMessage(chat, seq) {
    this.#at = null; // even if it is already in the address
    this.#layers.goTo(`#${chat.id}/${seq}`);
  }

  /** The address may have changed. */
  follow() {
    const { chat, seq } = namedHere(this.#chats);
    if (chat !== null && chat.detail === null) return;
    // The browser reports a new address late; a drawing in between has already followed it.
    const isNamed = seq !== null && seq !== this.#at;
    this.#at = seq;
    if (chat === this.open && !isNamed) return;
    const place = chat && this.#place?.chat === chat.id ? this.#place : null;
    this.#place = null;
    if (chat !== this.open) this.wasUnread = chat?.waiting > 0;
    this.open = chat;
    this.#show(place?.isEnd ? { seq: null, place: null } : { seq, place });
  }

  /** The open chat is gone; its address stays while something lies over the page. */
  lose() {
    this.open = null;
    this.#show({ seq: null, place: null });
  }

  /** The reader has left the message in the address for the end of its chat. */
  toEnd() {
    if (this.#at === null) return;
    this.#at = null;
    history.replaceState(history.state, "", `#${this.open.id}`);
  }

  /** A link to the message that is in the address already leads there again. */
  clicked({ target, ctrlKey, metaKey, shiftKey }) {
    const isHere = target.closest("a")?.href === location.href;
    if (!isHere || this.#at === null || ctrlKey || metaKey || shiftKey) return;
    this.#at = null;
    this.follow();
  }

  /** Keeps the reader's place for a reload: `{seq, top}`, `{isEnd}` or null if it is not known. */
  keep(place) {
    keepPlace(this.open ? { chat: this.open.id, ...place } : null);
  }

  /** Follows an address whose chat has only now become known; false if there is none. */
  followLate() {
    const { chat } = namedHere(this.#chats);
    if (!chat?.detail || chat === this.open) return false;
    this.follow();
    return true;
  }

  /** True once for an address whose chat the user is not in. */
  isAstray() {
    const { hash } = location;
    if (!this.#chats.isListed || hash === this.#checked) return false;
    this.#checked = hash;
    return /^#[\da-f]{8}-/.test(hash) && namedHere(this.#chats).chat === null;
  }
}
