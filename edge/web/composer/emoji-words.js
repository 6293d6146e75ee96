/**
 * The name of an emoji between colons, like `:tada:`, becomes the emoji.
 */
import { insertInto } from "../parts/insertion.js";

const WORD = /(?<![\p{L}\p{N}_:`[]):[\p{L}\p{N}_+-]{2,32}:$/u;

/** From now on, when the second colon is typed; `use` is an `EmojiUse`. */
export function replaceEmojiWords(field, use) {
  field.addEventListener("input", async ({ inputType, isComposing }) => {
    if (inputType !== "insertText" || isComposing) return; // an undone one stays
    const end = field.selectionEnd;
    const before = field.value.slice(0, end);
    const word = WORD.exec(before)?.[0];
    if (!word || isInCode(before)) return;
    const start = end - word.length;
    const emoji = await use.called(word.slice(1, -1)).catch(() => undefined); // it stays a word
    const caret = field.selectionEnd; // more may have been typed meanwhile
    if (!emoji || caret < end || field.value.slice(start, end) !== word) return;
    insertInto(field, emoji, start, end);
    const moved = caret + emoji.length - word.length;
    field.setSelectionRange(moved, moved);
  });
}

/** Whether a text ends in code that has begun. */
function isInCode(text) {
  const isOpen = (mark, within) => within.split(mark).length % 2 === 0;
  return isOpen(/^```/mu, text) || isOpen("`", text.slice(text.lastIndexOf("\n") + 1));
}
