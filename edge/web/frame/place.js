/**
 * The reading position, kept across a reload of the window.
 */

const KEY = "hubbub place";

/**
 * `place` is `{chat, seq, top}`, the message at the top and its offset; `{chat, isEnd}` at the end
 * of the chat; or null.
 */
export function keepPlace(place) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(place));
  } catch {
    // Nothing can be stored here: the chat opens at its end.
  }
}

/** The position stored by this window, once; null if this is not a reload. */
export function takePlace() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY));
    sessionStorage.removeItem(KEY);
    const [loading] = performance.getEntriesByType("navigation");
    const isKnown = kept?.isEnd || kept?.seq !== undefined;
    return loading?.type === "reload" && isKnown ? kept : null;
  } catch {
    return null;
  }
}
