/**
 * The keys of the page: which there are, the sheet that lists them, and hearing them.
 */
import { element } from "./element.js";
import { Sheet } from "./sheet.js";

const KEYS = [
  ["Enter", "Send the message"],
  ["Shift Enter", "New line in the message"],
  ["Ctrl K", "Find a chat or a person"],
  ["Alt ↑  Alt ↓", "Chat above, chat below"],
  ["Alt Shift ↑  Alt Shift ↓", "The same through unread chats"],
  ["↑  ↓", "Through the messages, while they have the focus"],
  ["F6", "From chats to messages to the text field"],
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

/**
 * Hears keys for the whole page; `listen(call)` puts the listener in its place.
 * `does` is `{find(), step(by, onlyUnread), around(), back(), keys()}`.
 */
export function hearKeys(listen, does) {
  listen((event) => {
    const isCovered = document.querySelector("dialog[open], [popover]:popover-open");
    if (event.isComposing || isCovered) return;
    const act = actionOf(event, does);
    if (!act) return;
    event.preventDefault();
    act();
  });
}

function actionOf(event, does) {
  const { key, altKey, shiftKey } = event;
  const command = event.ctrlKey || event.metaKey;
  if (command && !altKey && !shiftKey && key.toLowerCase() === "k") return does.find;
  if (command && !altKey && key === "/") return does.keys; // `?` is a letter where one writes
  if (altKey && !command && key === "ArrowUp") return () => does.step(-1, shiftKey);
  if (altKey && !command && key === "ArrowDown") return () => does.step(1, shiftKey);
  if (altKey || command) return null;
  if (key === "F6") return does.around;
  if (key === "Escape" && !event.defaultPrevented) return does.back;
  const isWriting = event.target.closest?.("input, textarea");
  return key === "?" && !isWriting ? does.keys : null;
}
