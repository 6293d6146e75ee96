/**
 * The layers over the page that do not belong to a chat.
 */

export class Sheets {
  #parts;
  #lazy;
  #does;
  #finder = null; // created on first use
  #isComing = false; // a sheet is loading: a second press opens no second one

  /**
   * `does` is `{open(chat), openAt(chat, seq), meet(userId), logOut(), leaving(promise),
   * leave(notice), list}`; `leaving` returns its promise; `layers` as in `layers.js`, `lazy` a
   * `Lazy`.
   */
  constructor({ me, api, chats, names, presence, clock, layers, lazy, toast, does }) {
    this.#parts = { me, api, chats, names, presence, clock, layers, toast };
    this.#lazy = lazy;
    this.#does = does;
  }

  /** Shows what is known by now. */
  render() {
    this.#finder?.render();
  }

  find() {
    const { open, openAt, meet } = this.#does;
    this.#show(({ Finder }) => {
      this.#finder ??= new Finder({
        ...this.#parts, choose: { chat: open, person: meet, message: openAt },
      });
      this.#finder.open();
    });
  }

  newChat() {
    this.#show(({ openNewChat }) => {
      openNewChat({ ...this.#parts, onMade: this.#does.open });
    });
  }

  settings() {
    const { me, names } = this.#parts;
    this.#show(({ openSettings }) => openSettings({
      ...this.#parts,
      list: this.#does.list,
      onChanged: (user) => {
        Object.assign(me, user);
        names.learn([user]);
      },
      onKeys: () => this.keys(),
      onLogOut: async () => {
        await this.#does.logOut();
        await this.#does.leave("");
      },
      onLeaving: (ending) => this.#does.leaving(ending),
      onDeleted: () => this.#does.leave("Your account is deleted."),
    }));
  }

  keys() {
    this.#show(({ openKeys }) => openKeys(this.#parts.layers));
  }

  async #show(act) {
    if (this.#isComing) return;
    this.#isComing = true;
    await this.#lazy.use(act);
    this.#isComing = false;
  }

  /** Whether one is open. */
  get isOpen() {
    return document.querySelector("dialog[open]:not(.viewer)") !== null;
  }

  /** For good. */
  closeAll() {
    this.#parts.layers.end();
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  }
}
