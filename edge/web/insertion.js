/**
 * Text that the page puts into a field for somebody.
 */

/** Puts `text` where `start` to `end` was, so that Ctrl+Z takes it back; the field hears of it. */
export function insertInto(field, text, start, end) {
  field.setSelectionRange(start, end);
  // Out of date, and the only way by which a browser remembers what was there.
  if (document.activeElement === field && document.execCommand("insertText", false, text)) return;
  field.setRangeText(text, start, end, "end");
  field.dispatchEvent(new Event("input"));
}

/** Spreadsheets and word processors put a picture of a text beside it. */
export function isPictureOfText(types) {
  return types.includes("text/plain") && types.includes("text/html");
}
