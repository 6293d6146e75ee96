/**
 * The arrow keys in the log: move the focus to the line above or below, starting at the last.
 */

export function stepLine(event, list) {
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const lines = [...list.querySelectorAll(".line")];
  const at = lines.indexOf(document.activeElement.closest(".line"));
  (at < 0 ? lines.at(-1) : lines[at + by])?.focus();
}
