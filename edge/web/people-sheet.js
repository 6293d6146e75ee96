/**
 * The sheet about a chat: who is in it, its name, adding and removing, leaving, deleting.
 */
import { avatar, element, lettersOf } from "./element.js";
import { CHAT_NAME_RULES, Field, allGood } from "./field.js";
import { hueOf, newId } from "./ids.js";
import { PeoplePicker } from "./people-picker.js";
import { Sheet } from "./sheet.js";
import { refusalInWords } from "./words.js";

const SHOWN = 200;

export class PeopleSheet {
  #chat;
  #me;
  #api;
  #names;
  #sheet;
  #people = element("ul", { class: "people" });
  #error = element("p", { class: "error", role: "alert" });
  #name;
  #forOwner;
  #picker;
  #deleting;
  #key = newId();
  #drawn = "";

  constructor({ chat, me, api, names, onClosed }) {
    this.#chat = chat;
    this.#me = me;
    this.#api = api;
    this.#names = names;
    this.#forOwner = element("div", {}, this.#adding(), this.#renaming());
    this.#sheet = new Sheet(
      { title: "People", onClosed },
      this.#people,
      this.#forOwner,
      this.#error,
      this.#leaving(),
    );
    this.render();
  }

  /** Shows the chat as it is now; closes when it is not ours any more. */
  render() {
    if (!this.#sheet.isOpen) return;
    if (this.#chat.left !== null) {
      this.#sheet.close();
      return;
    }
    const { participants, participantCount, owner } = this.#chat.detail;
    const rows = participants.slice(0, SHOWN).map((id) => [id, this.#names.of(id)]);
    const drawn = JSON.stringify([rows, participantCount, owner]);
    if (drawn === this.#drawn) return; // a button under the finger must not be replaced
    this.#drawn = drawn;
    const count = participantCount === 1 ? "One person" : `${participantCount} people`;
    this.#sheet.title.textContent = count;
    this.#people.replaceChildren(...rows.map(([id, name]) => this.#person(id, name, owner)));
    const hidden = participantCount - rows.length;
    if (hidden > 0) this.#people.append(element("li", { class: "hint" }, `and ${hidden} more`));
    this.#forOwner.hidden = !this.#chat.isOwner;
    this.#deleting.hidden = !this.#chat.isOwner;
  }

  #person(id, name, owner) {
    const mine = id === this.#me.id;
    const what = [mine && "you", id === owner && "owner"].filter(Boolean).join(", ");
    const remove = this.#asking("Remove", `Remove ${name}`, () => (
      this.#api.removePerson(this.#chat.id, id)
    ));
    return element(
      "li",
      {},
      avatar(hueOf(id), lettersOf(name)),
      element("span", { class: "name" }, name),
      element("span", { class: "soft" }, what),
      this.#chat.isOwner && !mine ? remove : null,
    );
  }

  #adding() {
    const add = element("button", { type: "button", hidden: true }, "Add");
    this.#picker = new PeoplePicker({
      api: this.#api,
      label: "Add people",
      isOut: (id) => this.#chat.detail.participants.includes(id),
      onChange: (people) => {
        add.hidden = people.length === 0;
        this.#key = newId();
      },
    });
    add.addEventListener("click", () => this.#try(add, async () => {
      const ids = this.#picker.chosen.map((user) => user.id);
      await this.#api.addPeople(this.#chat.id, ids, this.#key);
      this.#picker.clear();
      add.hidden = true;
      this.#picker.input.focus();
    }));
    return element(
      "section",
      {},
      element("p", { class: "label" }, "Add people"),
      element("div", { class: "beside" }, this.#picker.node, add),
    );
  }

  #renaming() {
    this.#name = new Field({ label: "Name of the chat", value: this.#chat.detail.chatName });
    const save = element("button", {}, "Rename");
    const form = element("form", { class: "beside", novalidate: true }, this.#name.node, save);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!allGood([[this.#name, CHAT_NAME_RULES]])) return;
      this.#try(save, () => this.#api.renameChat(this.#chat.id, this.#name.value));
    });
    return form;
  }

  #leaving() {
    const leave = this.#asking("Leave the chat", "Leave, and read no more of it", () => (
      this.#api.removePerson(this.#chat.id, this.#me.id)
    ));
    const question = "Delete it and its messages for everyone";
    this.#deleting = this.#asking("Delete the chat", question, () => (
      this.#api.deleteChat(this.#chat.id)
    ));
    return element("div", { class: "ends" }, leave, this.#deleting);
  }

  /** A button that asks once more, in words, before it does what cannot be undone. */
  #asking(text, question, act) {
    const place = element("span", { class: "asking" });
    const first = element("button", { class: "quiet danger", type: "button" }, text);
    const yes = element("button", { class: "danger", type: "button" }, question);
    const no = element("button", { class: "quiet", type: "button" }, "No");
    first.addEventListener("click", () => {
      place.replaceChildren(yes, no);
      no.focus();
    });
    no.addEventListener("click", () => {
      place.replaceChildren(first);
      first.focus();
    });
    yes.addEventListener("click", () => this.#try(yes, act));
    place.append(first);
    return place;
  }

  async #try(button, act) {
    this.#error.textContent = "";
    button.disabled = true;
    try {
      await act();
    } catch (failure) {
      if (failure.code === undefined) throw failure;
      this.#error.textContent = refusalInWords(failure);
    } finally {
      button.disabled = false;
    }
  }
}
