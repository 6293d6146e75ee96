/**
 * Where somebody was reading, over a new loading of the window.
 */

const KEY = "hubbub place";

/** `place` is `{chat, seq, top}`, the message at the upper edge and where; or null. */
export function keepPlace(place) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(place));
  } catch {
    // Nothing can be kept here: the chat opens at its end.
  }
}

/** What was kept by the same window, once; null where it was not loaded again. */
export function takePlace() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY));
    sessionStorage.removeItem(KEY);
    const [loading] = performance.getEntriesByType("navigation");
    return loading?.type === "reload" && kept?.seq !== undefined ? kept : null;
  } catch {
    return null;
  }
}
