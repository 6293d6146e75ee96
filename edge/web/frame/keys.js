/**
 * Handles the page's global keyboard shortcuts. They are listed in `keys-sheet.js`.
 */
import { isComposing } from "../parts/composing.js";

/**
 * Handles keys for the whole page; `listen(call)` installs the listener. `does` is `{find(),
 * step(by, onlyUnread), around(by), back(), keys()}`.
 */
export function hearKeys(listen, does) {
  listen((event) => {
    if (isComposing(event) || isCovered()) return;
    const act = actionOf(event, does);
    if (!act) return;
    event.preventDefault();
    act();
  });
}

/** Moves from one of the `[node, focus()]` to the next (1) or the previous (-1). */
export function goAround(places, by) {
  const isSeen = ([node]) => node.checkVisibility({ visibilityProperty: true });
  const shown = places.filter(isSeen); // a chat may cover the list, and its panel both
  const at = shown.findIndex(([node]) => node.contains(document.activeElement));
  shown.at((Math.max(at, by > 0 ? -1 : 0) + by) % shown.length)[1]();
}

/** Whether something lies over the page. */
export function isCovered() {
  return document.querySelector("dialog[open], [popover]:popover-open") !== null;
}

function actionOf(event, does) {
  const { key, altKey, shiftKey } = event;
  const command = event.ctrlKey || event.metaKey;
  if (command && !altKey && !shiftKey && key.toLowerCase() === "k") return does.find;
  if (command && !altKey && key === "/") return does.keys; // `?` is text in a field
  if (altKey && !command && key === "ArrowUp") return () => does.step(-1, shiftKey);
  if (altKey && !command && key === "ArrowDown") return () => does.step(1, shiftKey);
  if (altKey || command) return null;
  if (key === "F6") return () => does.around(shiftKey ? -1 : 1);
  if (key === "Escape" && !event.defaultPrevented) return does.back;
  const isWriting = event.target.closest?.("input, textarea");
  return key === "?" && !isWriting ? does.keys : null;
}
