/**
 * The sheet that lists the keys of the page.
 */
import { element } from "./element.js";
import { Sheet } from "./sheet.js";

const KEYS = [
  ["Enter", "Send the message"],
  ["Shift Enter", "New line in the message"],
  ["Ctrl K", "Find a chat, a person or a message"],
  ["Alt ↑  Alt ↓", "Chat above, chat below"],
  ["Alt Shift ↑  Alt Shift ↓", "The same through unread chats"],
  ["↑  ↓", "Through the messages, while they have the focus"],
  ["F6  Shift F6", "From the chats to the open one, its messages, the text field, and back"],
  ["/", "Commands, at the beginning of a message"],
  ["Escape", "Close what is open, then back to the text field"],
  ["Enter", "What can be done with the message that has the focus"],
  ["Ctrl /  ?", "Show these keys"],
];

export function openKeys(layers) {
  const rows = KEYS.map(([keys, what]) => element(
    "div",
    {},
    element("dt", {}, ...keys.split("  ").flatMap((one) => [element("kbd", {}, one), " "])),
    element("dd", {}, what),
  ));
  return new Sheet({ title: "Keys", layers }, element("dl", { class: "keys" }, ...rows));
}
