/**
 * The little that is seen in a message's text: links and code in backticks. Pure.
 */

// A closing bracket or a stop at the end belongs to the sentence, not to the address.
const PIECE = /`([^`\n]+)`|https?:\/\/[^\s<>"`]*[^\s<>"`.,;:!?)\]}'’”»]/giu;

/** `[{kind: "text" | "code" | "link", text}]`; a link's text is its address. */
export function piecesOf(text) {
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(PIECE)) {
    if (match.index > end) pieces.push({ kind: "text", text: text.slice(end, match.index) });
    end = match.index + match[0].length;
    if (match[1]) {
      pieces.push({ kind: "code", text: match[1] });
      continue;
    }
    const closes = text[end] === ")" && count(match[0], "(") > count(match[0], ")");
    if (closes) end += 1;
    pieces.push({ kind: "link", text: text.slice(match.index, end) });
  }
  if (end < text.length) pieces.push({ kind: "text", text: text.slice(end) });
  return pieces;
}

function count(text, mark) {
  return text.split(mark).length - 1;
}
