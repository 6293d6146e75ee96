/**
 * The arrow keys in the log: the line above or below gets the focus, at first the last one.
 */

export function stepLine(event, list) {
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const lines = [...list.querySelectorAll(".line")];
  const at = lines.indexOf(document.activeElement.closest(".line"));
  (at < 0 ? lines.at(-1) : lines[at + by])?.focus();
}
