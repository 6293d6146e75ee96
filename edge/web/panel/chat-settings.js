/**
 * The settings of a chat: notifications, name and topic, archiving, leaving, deleting.
 */
import { asking } from "../parts/asking.js";
import { changeForm } from "../parts/change-form.js";
import { element } from "../parts/element.js";
import { CHAT_NAME_RULES, Field, TOPIC_RULES, allGood } from "../parts/field.js";
import { icon } from "../parts/icons.js";
import { newId } from "../client/ids.js";
import { disabledWhile, tell } from "../parts/submitting.js";
import { refusalInWords } from "../text/words.js";

const LEVELS = [
  ["all", "Every message", ""],
  ["mentions", "Mentions of me", ""],
  ["none", "Nothing", "No unread count and no notifications"],
];

export class ChatSettings {
  #chat;
  #api;
  #toast;
  #chats;
  #levels;
  #archive;
  #form;
  #fields; // of the form, by the property they show
  #shown = {}; // what they were filled with
  #leaving;
  #deleting;
  #error = element("p", { class: "error", role: "alert" });

  constructor({ chat, chats, me, api, toast }) {
    this.#chat = chat;
    this.#chats = chats;
    this.#api = api;
    this.#toast = toast;
    this.#levels = this.#telling();
    this.#archive = element("button", {
      class: "quiet", type: "button",
      onclick: () => this.#try(this.#archive, () => (
        chats.changeMine(chat, { archived: !chat.mine.archived })
      )),
    }, icon("archive"), element("span", {}));
    this.#form = this.#describing();
    this.#leaving = asking({
      symbol: "leave", label: "Leave this chat", yes: "Leave",
      question: "You will no longer be able to read it.",
      act: (button) => this.#try(button, () => api.removePerson(chat.id, me.id)),
    });
    this.#deleting = asking({
      symbol: "trash", label: "Delete this chat", yes: "Delete for everybody",
      question: "The chat and all its messages will be gone.",
      act: (button) => this.#try(button, () => api.deleteChat(chat.id)),
    });
    this.node = element("div", { class: "settings" }, this.#levels, this.#form,
      element("div", { class: "ends" }, this.#archive, this.#leaving, this.#deleting, this.#error));
  }

  render() {
    const { mine, detail, isOwner } = this.#chat;
    for (const input of this.#levels.querySelectorAll("input")) {
      if (input.checked !== (input.value === mine.notify)) input.checked = input.value === mine.notify;
    }
    const words = mine.archived ? "Bring back" : "Archive for me";
    const { lastChild } = this.#archive;
    if (lastChild.textContent !== words) lastChild.textContent = words;
    for (const [key, { input }] of Object.entries(this.#fields)) this.#keepUp(key, input);
    this.#leaving.hidden = detail.kind === "direct";
    this.#form.hidden = !isOwner;
    this.#deleting.hidden = !isOwner;
  }

  /** Shows changes made elsewhere, unless the field is being edited here. */
  #keepUp(key, input) {
    const now = this.#chat.detail[key] ?? "";
    if (now === this.#shown[key]) return;
    if (input.value === (this.#shown[key] ?? "")) input.value = now;
    this.#shown[key] = now;
  }

  #telling() {
    const name = newId();
    return element(
      "fieldset",
      {},
      element("legend", {}, "Notify me about"),
      ...LEVELS.map(([value, label, hint]) => {
        const input = element("input", {
          type: "radio", name, value,
          onchange: () => this.#try(null, () => (
            this.#chats.changeMine(this.#chat, { notify: value })
          )),
        });
        return element(
          "label", { class: "choice" }, input, element("b", {}, label),
          hint ? element("span", { class: "hint" }, hint) : null,
        );
      }),
    );
  }

  #describing() {
    const name = new Field({
      label: "Name of the chat", hint: "Everybody in the chat sees the new name.",
    });
    const about = new Field({ label: "Topic", hint: "Shown under the name.", maxlength: "500" });
    this.#fields = { chatName: name, topic: about };
    return changeForm("Save", [name, about], async () => {
      if (!allGood([[name, CHAT_NAME_RULES], [about, TOPIC_RULES]])) return "";
      const wanted = { chatName: name.value, topic: about.value.trim() || null };
      const { id, detail } = this.#chat;
      const changed = Object.entries(wanted).filter(([key, value]) => value !== (detail[key] ?? null));
      if (changed.length === 0) return "Nothing has changed.";
      await this.#api.changeChat(id, Object.fromEntries(changed));
      return "Saved.";
    }, this.#toast);
  }

  /** `button`, if given, is disabled meanwhile. */
  async #try(button, act) {
    this.#error.textContent = "";
    try {
      await (button ? disabledWhile(button, act) : act());
    } catch (failure) {
      if (failure.code === undefined) throw failure;
      tell(this.#error, refusalInWords(failure), this.#toast);
    }
  }
}
