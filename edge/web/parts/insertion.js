/**
 * Inserts text into a field.
 */

/**
 * Replaces `start` to `end` with `text`, so that Ctrl+Z undoes it; the field gets an input event.
 */
export function insertInto(field, text, start, end) {
  field.setSelectionRange(start, end);
  // Deprecated, but the only way to keep the browser's undo history.
  if (document.activeElement === field && document.execCommand("insertText", false, text)) return;
  field.setRangeText(text, start, end, "end");
  field.dispatchEvent(new Event("input"));
}

/** Spreadsheets and word processors add a picture of the text to the clipboard. */
export function isPictureOfText(types) {
  return types.includes("text/plain") && types.includes("text/html");
}
