/**
 * The user's preferences for the chat list, stored in this browser.
 */

const KEYS = { isCompact: "hubbub density", isUnsorted: "hubbub unread" };
const VALUES = { isCompact: "compact", isUnsorted: "in place" };

export class ListChoice {
  #onChange;

  constructor({ onChange }) {
    this.#onChange = onChange;
  }

  /** Whether the chats stand close together. */
  get isCompact() {
    return this.#has("isCompact");
  }

  set isCompact(value) {
    this.#set("isCompact", value);
  }

  /** Whether unread chats stand above the others. */
  get isUnreadFirst() {
    return !this.#has("isUnsorted");
  }

  set isUnreadFirst(value) {
    this.#set("isUnsorted", !value);
  }

  #has(name) {
    try {
      return localStorage.getItem(KEYS[name]) === VALUES[name];
    } catch {
      return false;
    }
  }

  #set(name, value) {
    try {
      if (value) localStorage.setItem(KEYS[name], VALUES[name]);
      else localStorage.removeItem(KEYS[name]);
    } catch {
      return; // nothing can be stored here, so nothing changes
    }
    this.#onChange();
  }
}
