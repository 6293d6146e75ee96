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
    const code = match[1];
    pieces.push(code ? { kind: "code", text: code } : { kind: "link", text: match[0] });
    end = match.index + match[0].length;
  }
  if (end < text.length) pieces.push({ kind: "text", text: text.slice(end) });
  return pieces;
}
