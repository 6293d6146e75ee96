/**
 * The sheet that lists the keyboard shortcuts.
 */
import { element } from "../parts/element.js";
import { Sheet } from "../parts/sheet.js";

const KEYS = [
  ["Enter", "Send the message"],
  ["Shift Enter", "New line in the message"],
  ["Ctrl K", "Find a chat, a person or a message"],
  ["Alt ↑  Alt ↓", "Chat above, chat below"],
  ["Alt Shift ↑  Alt Shift ↓", "Unread chat above, below"],
  ["↑  ↓", "Move through the messages, when they have the focus"],
  ["F6  Shift F6", "Next part of the page, the one before"],
  ["@  #  :", "A person, a chat, an emoji"],
  ["/", "Commands, at the start of a message"],
  ["Escape", "Close what is open, then back to the text field"],
  ["Enter", "Actions for the focused message"],
  ["Alt click", "Mark a message and all after it as unread"],
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
