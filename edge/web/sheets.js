/**
 * The layers that can lie over the page and are about none of its chats.
 */

export class Sheets {
  #parts;
  #lazy;
  #does;

  /** `does` is `{open(chat), logOut(), density}`; `layers` as in `layers.js`, `lazy` a `Lazy`. */
  constructor({ me, api, chats, layers, lazy, does }) {
    this.#parts = { me, api, chats, layers };
    this.#lazy = lazy;
    this.#does = does;
  }

  async newChat(chosen = []) {
    const { openNewChat } = await this.#lazy.load();
    openNewChat({ ...this.#parts, chosen, onMade: this.#does.open });
  }

  async settings() {
    const { me } = this.#parts;
    const { openSettings } = await this.#lazy.load();
    openSettings({
      ...this.#parts,
      density: this.#does.density,
      onChanged: (user) => Object.assign(me, user),
      onKeys: () => this.keys(),
      onLogOut: this.#does.logOut,
    });
  }

  async keys() {
    const { openKeys } = await this.#lazy.load();
    openKeys(this.#parts.layers);
  }

  closeAll() {
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  }
}
