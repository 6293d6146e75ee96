/**
 * The sheet that starts a chat: with whom, and what it is called.
 */
import { element } from "./element.js";
import { CHAT_NAME_RULES, Field, allGood } from "./field.js";
import { newId } from "./ids.js";
import { PeoplePicker } from "./people-picker.js";
import { Sheet } from "./sheet.js";
import { nameForPeople, refusalInWords } from "./words.js";

/** `onMade(chat)` when the chat is there; `chosen` are people who are already picked. */
export function openNewChat({ api, chats, me, layers, chosen = [], onMade }) {
  const defaultName = (people) => nameForPeople([me.username, ...people.map((p) => p.username)]);
  const name = new Field({
    label: "Name of the chat", maxlength: "256",
    hint: "Without a name it is called after its people.",
  });
  const picker = new PeoplePicker({
    api,
    chosen,
    label: "People in the chat",
    isOut: (id) => id === me.id,
    onChange: (people) => {
      name.input.placeholder = people.length > 0 ? defaultName(people) : "";
      name.fail("");
    },
  });
  name.input.placeholder = chosen.length > 0 ? defaultName(chosen) : "";
  const error = element("p", { class: "error", role: "alert" });
  const go = element("button", { class: "strong" }, "Start the chat");
  let key = newId();
  let sent = "";

  async function submit(event) {
    event.preventDefault();
    error.textContent = "";
    const people = picker.chosen;
    if (people.length === 0 && !allGood([[name, CHAT_NAME_RULES]])) return;
    if (name.value.trim() !== "" && !allGood([[name, CHAT_NAME_RULES]])) return;
    const chatName = name.value.trim() === "" ? defaultName(people) : name.value;
    const wanted = { participants: people.map((user) => user.id), chatName };
    if (JSON.stringify(wanted) !== sent) key = newId();
    sent = JSON.stringify(wanted);
    go.disabled = true;
    try {
      const chat = await chats.create(wanted, key);
      onMade(chat); // goes there in place of this sheet
      if (sheet.isOpen) sheet.close();
    } catch (failure) {
      if (failure.code === undefined) throw failure;
      error.textContent = refusalInWords(failure);
    } finally {
      go.disabled = false;
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
  (chosen.length > 0 ? name : picker).input.focus();
}
