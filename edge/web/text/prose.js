/**
 * The markup of a message's text: code, quotes, lists, bold, links. No headings, no emphasis with
 * underscores, and line breaks are kept. Pure; the same test cases apply to previews elsewhere.
 */

const FENCE = /^```([\w+#.-]{0,20})$/u;
const QUOTE = /^>(?: |$)/u;
const BULLET = /^ {0,3}[-*•] +(?=\S)/u;
const NUMBER = /^ {0,3}(\d{1,3})[.)] +(?=\S)/u;
// A closing bracket or full stop at the end belongs to the sentence, not to the address.
const PIECE = new RegExp(
  "`([^`\\n]+)`"
  + "|\\*\\*(?=\\S)((?:[^*\\n]|\\*(?!\\*))+?)(?<=\\S)\\*\\*"
  + "|https?:\\/\\/[^\\s<>\"`]*[^\\s<>\"`.,;:!?)\\]}'’”»*]",
  "giu",
);

/**
 * `[{kind: "text" | "quote", pieces}, {kind: "code", text}, {kind: "list", start, items}]`; `start`
 * is the first number or null, `items` are lists of pieces.
 */
export function blocksOf(text) {
  const blocks = [];
  const lines = text.split("\n");
  let plain = [];
  const flush = () => {
    const said = withoutEdges(plain).join("\n");
    if (said !== "" || (blocks.length === 0 && lines.length === plain.length)) {
      blocks.push({ kind: "text", pieces: piecesOf(said) });
    }
    plain = [];
  };
  for (let n = 0; n < lines.length; ) {
    const [block, next] = blockAt(lines, n);
    if (block === null) {
      plain.push(...lines.slice(n, next));
    } else {
      if (plain.length > 0) flush();
      blocks.push(block);
    }
    n = next;
  }
  if (plain.length > 0) flush();
  return blocks;
}

/** `[{kind: "text" | "code" | "link", text}, {kind: "bold", pieces}]`. */
export function piecesOf(text) {
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(PIECE)) {
    if (match.index < end) continue; // inside an address extended by a bracket
    if (match.index > end) pieces.push({ kind: "text", text: text.slice(end, match.index) });
    end = match.index + match[0].length;
    const [all, code, bold] = match;
    if (code !== undefined) pieces.push({ kind: "code", text: code });
    else if (bold !== undefined) pieces.push({ kind: "bold", pieces: piecesOf(bold) });
    else {
      if (text[end] === ")" && count(all, "(") > count(all, ")")) end += 1;
      pieces.push({ kind: "link", text: text.slice(match.index, end) });
    }
  }
  if (end < text.length) pieces.push({ kind: "text", text: text.slice(end) });
  return pieces;
}

/** The text on one line, without markup. */
export function plainOf(text) {
  const inline = (pieces) => pieces.map((piece) => piece.text ?? inline(piece.pieces)).join("");
  const lines = blocksOf(text).flatMap(({ pieces, items, text: code }) => (
    items?.map(inline) ?? [code ?? inline(pieces)]
  ));
  return lines.join(" ").replaceAll(/\s+/gu, " ").trim();
}

/** The block that begins in this line, null for plain text, and the number of the line after it. */
function blockAt(lines, n) {
  if (FENCE.test(lines[n])) {
    const end = lines.indexOf("```", n + 1);
    if (end > 0) return [{ kind: "code", text: lines.slice(n + 1, end).join("\n") }, end + 1];
  }
  for (const [mark, make] of [[QUOTE, quote], [BULLET, list], [NUMBER, list]]) {
    if (!mark.test(lines[n])) continue;
    const end = lines.findIndex((line, m) => m > n && !mark.test(line));
    const until = end < 0 ? lines.length : end;
    const marked = lines.slice(n, until);
    const isEmpty = marked.every((line) => line.replace(mark, "").trim() === "");
    return [isEmpty ? null : make(marked, mark), until];
  }
  return [null, n + 1];
}

function quote(lines) {
  const said = lines.map((line) => line.replace(QUOTE, "")).join("\n");
  return { kind: "quote", pieces: piecesOf(said) };
}

function list(lines, mark) {
  const number = mark.exec(lines[0])[1];
  return {
    kind: "list",
    start: number === undefined ? null : Number(number),
    items: lines.map((line) => piecesOf(line.replace(mark, ""))),
  };
}

/** Blocks have margins: adjacent empty lines would double them. */
function withoutEdges(lines) {
  const first = lines.findIndex((line) => line.trim() !== "");
  const last = lines.findLastIndex((line) => line.trim() !== "");
  return first < 0 ? [] : lines.slice(first, last + 1);
}

function count(text, mark) {
  return text.split(mark).length - 1;
}
