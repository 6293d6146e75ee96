/**
 * The layers that can lie over the page and are about none of its chats.
 */
import { openKeys } from "./keys.js";
import { openNewChat } from "./new-chat.js";
import { openSettings } from "./settings.js";

export class Sheets {
  #parts;
  #does;

  /** `does` is `{open(chat), logOut(), density}`; `layers` as in `layers.js`. */
  constructor({ me, api, chats, layers, does }) {
    this.#parts = { me, api, chats, layers };
    this.#does = does;
  }

  newChat(chosen = []) {
    openNewChat({ ...this.#parts, chosen, onMade: this.#does.open });
  }

  settings() {
    const { me } = this.#parts;
    openSettings({
      ...this.#parts,
      density: this.#does.density,
      onChanged: (user) => Object.assign(me, user),
      onKeys: () => this.keys(),
      onLogOut: this.#does.logOut,
    });
  }

  keys() {
    openKeys(this.#parts.layers);
  }

  closeAll() {
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  }
}
