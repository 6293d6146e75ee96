/**
 * The name of the window, and the number on its icon: which chat is open, how much is unread.
 */

/** `title` is the open chat's or ""; `waiting` is how much asks for attention in all of them. */
export function showHeading(title, waiting) {
  const shown = [waiting > 0 && `(${waiting})`, title && `${title} –`, "Hubbub"]
    .filter(Boolean).join(" ");
  if (shown === document.title) return;
  document.title = shown;
  navigator.setAppBadge?.(waiting).catch(() => {}); // where the page is no app, there is no badge
}
