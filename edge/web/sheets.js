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

  newChat(chosen = []) {
    this.#lazy.use(({ openNewChat }) => {
      openNewChat({ ...this.#parts, chosen, onMade: this.#does.open });
    });
  }

  settings() {
    const { me } = this.#parts;
    this.#lazy.use(({ openSettings }) => openSettings({
      ...this.#parts,
      density: this.#does.density,
      onChanged: (user) => Object.assign(me, user),
      onKeys: () => this.keys(),
      onLogOut: this.#does.logOut,
    }));
  }

  keys() {
    this.#lazy.use(({ openKeys }) => openKeys(this.#parts.layers));
  }

  closeAll() {
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  }
}
