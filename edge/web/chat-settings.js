/**
 * What a chat is called, leaving it, deleting it.
 */
import { asking } from "./asking.js";
import { element } from "./element.js";
import { CHAT_NAME_RULES, Field, allGood } from "./field.js";
import { refusalInWords } from "./words.js";

export class ChatSettings {
  #chat;
  #api;
  #form;
  #deleting;
  #error = element("p", { class: "error", role: "alert" });

  constructor({ chat, me, api }) {
    this.#chat = chat;
    this.#api = api;
    this.#form = this.#renaming();
    const leave = asking({
      symbol: "leave", label: "Leave this chat", yes: "Leave",
      question: "You will not be able to read it any more.",
      act: (button) => this.#try(button, () => api.removePerson(chat.id, me.id)),
    });
    this.#deleting = asking({
      symbol: "trash", label: "Delete this chat", yes: "Delete for everybody",
      question: "The chat and all its messages will be gone.",
      act: (button) => this.#try(button, () => api.deleteChat(chat.id)),
    });
    this.node = element("div", { class: "settings" }, this.#form,
      element("div", { class: "ends" }, leave, this.#deleting, this.#error));
  }

  render() {
    this.#form.hidden = !this.#chat.isOwner;
    this.#deleting.hidden = !this.#chat.isOwner;
  }

  #renaming() {
    const name = new Field({
      label: "Name of the chat", value: this.#chat.detail.chatName,
      hint: "Everybody in the chat sees the new name.",
    });
    const save = element("button", { type: "submit" }, "Rename");
    return element(
      "form",
      {
        novalidate: true,
        onsubmit: (event) => {
          event.preventDefault();
          if (!allGood([[name, CHAT_NAME_RULES]])) return;
          this.#try(save, () => this.#api.renameChat(this.#chat.id, name.value));
        },
      },
      name.node,
      element("div", { class: "line-of" }, save),
    );
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
