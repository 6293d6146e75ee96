/**
 * The sheet that starts a chat: its people and its name.
 */
import { element } from "../parts/element.js";
import { CHAT_NAME_RULES, Field, allGood } from "../parts/field.js";
import { newId } from "../client/ids.js";
import { shownName } from "../state/names.js";
import { PeoplePicker } from "../parts/people-picker.js";
import { Sheet } from "../parts/sheet.js";
import { disabledWhile, tell } from "../parts/submitting.js";
import { nameForPeople } from "../text/people-words.js";
import { refusalInWords } from "../text/words.js";

/** `onMade(chat)` when the chat exists. */
export function openNewChat({ api, chats, names, me, layers, toast, onMade }) {
  const defaultName = (people) => nameForPeople([me, ...people].map(shownName));
  const name = new Field({
    label: "Name of the chat", maxlength: "256",
    hint: "Without a name it shows its participants' names; one person is a direct chat.",
  });
  const picker = new PeoplePicker({
    api,
    names,
    label: "People in the chat",
    isOut: (id) => id === me.id,
    onChange: (people) => {
      name.input.placeholder = people.length > 1 ? defaultName(people) : "";
      name.fail("");
      error.textContent = "";
    },
  });
  const error = element("p", { class: "error", role: "alert" });
  picker.input.addEventListener("input", () => { error.textContent = ""; });
  const go = element("button", { class: "strong" }, "Start the chat");
  let key = newId();
  let sent = "";

  async function submit(event) {
    event.preventDefault();
    error.textContent = picker.unchosen;
    if (picker.unchosen) {
      picker.input.focus();
      return;
    }
    const people = picker.chosen;
    if (people.length === 0 && !allGood([[name, CHAT_NAME_RULES]])) return;
    if (name.value.trim() !== "" && !allGood([[name, CHAT_NAME_RULES]])) return;
    const chatName = name.value.trim() === "" ? defaultName(people) : name.value;
    const wanted = { participants: people.map((user) => user.id), chatName };
    if (JSON.stringify(wanted) !== sent) key = newId();
    sent = JSON.stringify(wanted);
    try {
      await disabledWhile(go, async () => {
        const isDirect = people.length === 1 && name.value.trim() === "";
        const chat = isDirect ? await chats.meet(people[0].id) : await chats.create(wanted, key);
        if (!sheet.isOpen) return; // the user has closed it and moved on
        onMade(chat); // replaces this sheet
        if (sheet.isOpen) sheet.close();
      });
    } catch (failure) {
      if (failure.code === undefined) throw failure;
      tell(error, refusalInWords(failure), toast);
    }
  }

  const form = element(
    "form",
    { novalidate: true, onsubmit: submit },
    element("div", {}, element("p", { class: "label" }, "People"), picker.node),
    name.node,
    error,
    element("div", { class: "line-of" }, go),
  );
  const sheet = new Sheet({ title: "New chat", layers }, form);
  picker.input.focus();
}
