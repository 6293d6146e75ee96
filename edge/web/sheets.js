/**
 * The layers that can lie over the page, and which of them is about what is open.
 */
import { openKeys } from "./keys.js";
import { openNewChat } from "./new-chat.js";
import { PeopleSheet } from "./people-sheet.js";
import { openSettings } from "./settings.js";

export class Sheets {
  #me;
  #api;
  #chats;
  #names;
  #does;
  #people = null;

  /** `does` is `{open(chat), logOut()}`. */
  constructor({ me, api, chats, names, does }) {
    this.#me = me;
    this.#api = api;
    this.#chats = chats;
    this.#names = names;
    this.#does = does;
  }

  newChat(chosen = []) {
    openNewChat({
      api: this.#api, chats: this.#chats, me: this.#me, chosen, onMade: this.#does.open,
    });
  }

  people(chat) {
    this.#people = new PeopleSheet({
      chat, me: this.#me, api: this.#api, names: this.#names,
      onClosed: () => {
        this.#people = null;
      },
    });
  }

  settings() {
    openSettings({
      api: this.#api,
      me: this.#me,
      onChanged: (user) => Object.assign(this.#me, user),
      onKeys: openKeys,
      onLogOut: this.#does.logOut,
    });
  }

  render() {
    this.#people?.render();
  }

  closeAll() {
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  }
}
