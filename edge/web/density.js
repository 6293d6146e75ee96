/**
 * How close together the chats of the list stand; this browser remembers it.
 */

const KEY = "hubbub density";

export class Density {
  #onChange;

  constructor({ onChange }) {
    this.#onChange = onChange;
  }

  get isCompact() {
    try {
      return localStorage.getItem(KEY) === "compact";
    } catch {
      return false;
    }
  }

  set isCompact(value) {
    try {
      localStorage.setItem(KEY, value ? "compact" : "comfortable");
    } catch {
      return; // nothing can be kept here, so nothing changes
    }
    this.#onChange();
  }
}
