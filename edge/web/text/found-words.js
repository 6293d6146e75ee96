/**
 * Finds search words in a text by the server's rules: what a word is, when two are equal, what
 * quotes and the last word mean. Pure.
 */

// Units compared as a whole: a letter with its marks, or the parts of a Korean syllable.
const CLUSTERS = /[\u1100-\u11ff]+|\P{M}\p{M}*|\p{M}+/gu;
const WORD = /[\p{L}\p{M}\p{N}]/u;
const MARKED = /([\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}])\p{M}+/gu;
// Normalising sorts them, in time quadratic in their number.
const MANY_MARKS = /(\p{M}{30})\p{M}+/gu;
// Characters that separate words, like ´, although their compatibility forms have marks.
const SPACING_MARKS = new RegExp("[\u00a8\u00af\u00b4\u00b8\u02d8-\u02dd\u0384\u0385\u1fbd"
  + "\u1fbf-\u1fc1\u1fcd-\u1fcf\u1fdd-\u1fdf\u1fed\u1fee\u1ffd\u1ffe\u2017\u203e\u2adc\u309b\u309c"
  + "\ufe49-\ufe4c\uffe3\u{1d15e}-\u{1d164}\u{1d1bb}-\u{1d1c0}]", "gu");
// Variation selectors, like the one in ❤️, which do not change a word.
const VARIATION_SELECTORS = /[\u180b-\u180d\u180f\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/gu;
// Scripts without spaces between words.
const UNSPACED = new RegExp("[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\u2e80-\u2fdf"
  + "\u3005-\u3007\u3021-\u302f\u3031-\u303c\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
  + "\ua9e0-\ua9ff\uaa60-\uaa7f\uf900-\ufaff\u{1b000}-\u{1b16f}\u{20000}-\u{3ffff}]", "u");
const QUOTES = /["\u201c\u201d\u201e\u201f\uff02]/u;
// Letters without a decomposition.
const PLAIN = new Map(Object.entries({
  ae: "æ", oe: "œ", ss: "ß", th: "þ", hv: "ƕ", oi: "ƣ", db: "ȸ", qp: "ȹ", ll: "ỻ", a: "ᶏⱥ",
  b: "ƀƃɓᵬᶀ", c: "ƈȼɕ", d: "ðđƌȡɖɗᵭᶁᶑ", e: "ɇɛᶒⱸ", f: "ƒᵮᶂ", g: "ǥɠᶃ", h: "ħɦⱨ", i: "ıɨɩᶖ",
  j: "ȷɉɟʄʝ", k: "ƙᶄⱪ", l: "łƚȴɫɬɭᶅⱡ", m: "ɱᵯᶆ", n: "ŋƞȵɲɳᵰᶇ", o: "øⱺ", p: "ƥᵱᵽᶈ", q: "ĸɋʠ",
  r: "ɍɼɽɾᵲᵳᶉ", s: "ȿʂᵴᶊẜẝ", t: "ŧƫƭȶʈᵵⱦ", u: "ʉᶙ", v: "ʋᶌỽⱱⱴ", w: "ⱳ", x: "ᶍ", y: "ƴɏỿ",
  z: "ƶȥɀʐʑᵶᶎⱬ",
}).flatMap(([plain, letters]) => [...letters].map((letter) => [letter, plain])));

/**
 * The terms of a query: `[{pieces: [text], isOpen}]`, each of which must occur with its pieces
 * adjacent; the last piece of an open one may be a prefix. Empty without a letter or digit.
 */
export function wantedBy(typed) {
  if (!/[\p{L}\p{N}]/u.test(typed)) return []; // marks alone are not a query
  const wanted = [];
  let last = null;
  typed.split(QUOTES).forEach((part, n) => {
    const pieces = piecesOf(part);
    if (pieces.length === 0) return;
    if (n % 2 === 1) wanted.push({ pieces: pieces.map(({ text }) => text), isOpen: false });
    else {
      const runs = Object.values(Object.groupBy(pieces, ({ run }) => run));
      for (const run of runs) wanted.push({ pieces: run.map(({ text }) => text), isOpen: false });
      last = wanted.at(-1);
    }
  });
  if (last) last.isOpen = true;
  return wanted;
}

/** `{ranges, isAll}`: the matches as `[from, to]` in order; whether all terms match. */
export function findIn(text, wanted) {
  const pieces = piecesOf(text);
  const places = wanted.map((one) => placesOf(one, pieces));
  return { ranges: joined(places.flat()), isAll: places.every(({ length }) => length > 0) };
}

/** A text split at these ranges: `[{text, isMarked}]`. */
export function cutAt(text, ranges) {
  const parts = [];
  let end = 0;
  for (const [from, to] of ranges) {
    parts.push({ text: text.slice(end, from), isMarked: false });
    parts.push({ text: text.slice(from, to), isMarked: true });
    end = to;
  }
  parts.push({ text: text.slice(end), isMarked: false });
  return parts.filter((part) => part.text !== "");
}

/**
 * The folded words of a text, split where a script without spaces begins or ends: `{text, run,
 * from, to, isUnspaced}`; `from` and `to` map each unit of `text` to its origin.
 */
export function piecesOf(text) {
  const pieces = [];
  let piece = null;
  let run = 0;
  for (const { 0: cluster, index } of text.matchAll(CLUSTERS)) {
    for (const letter of folded(cluster)) {
      if (!WORD.test(letter)) {
        if (piece) run += 1;
        piece = null;
        continue;
      }
      const isUnspaced = UNSPACED.test(letter);
      if (piece?.isUnspaced !== isUnspaced) {
        piece = { text: "", run, from: [], to: [], isUnspaced };
        pieces.push(piece);
      }
      piece.text += letter;
      for (let unit = 0; unit < letter.length; unit += 1) {
        piece.from.push(index);
        piece.to.push(index + cluster.length);
      }
    }
  }
  return pieces;
}

function folded(cluster) {
  if (/^[\0-\x7f]$/u.test(cluster)) return cluster.toLowerCase();
  const seen = cluster.replace(VARIATION_SELECTORS, "").replace(SPACING_MARKS, " ");
  const few = seen.replace(MANY_MARKS, "$1");
  const cased = few.normalize("NFKC").toUpperCase().toLowerCase();
  const bare = cased.normalize("NFD").replace(MARKED, "$1").normalize("NFKC");
  return [...bare].map((letter) => PLAIN.get(letter) ?? letter).join("");
}

function placesOf({ pieces: wanted, isOpen }, pieces) {
  const places = [];
  const end = wanted.length - 1;
  pieces.forEach((first, n) => {
    const last = pieces[n + end];
    if (!last) return;
    if (end === 0) {
      places.push(...startsIn(first, wanted[0], isOpen).map((start) => (
        [first.from[start], first.to[start + wanted[0].length - 1]]
      )));
      return;
    }
    const isThere = wanted.every((text, m) => {
      const piece = pieces[n + m];
      if (m === 0 && piece.isUnspaced) return piece.text.endsWith(text);
      if (m === end && (isOpen || piece.isUnspaced)) return piece.text.startsWith(text);
      return piece.text === text;
    });
    const start = first.text.length - wanted[0].length;
    if (isThere) places.push([first.from[start], last.to[wanted[end].length - 1]]);
  });
  return places;
}

/** Where a text occurs in a piece: equal to it, as its prefix, or anywhere in an unspaced one. */
function startsIn(piece, text, isOpen) {
  if (!piece.isUnspaced) {
    return piece.text === text || (isOpen && piece.text.startsWith(text)) ? [0] : [];
  }
  const starts = [];
  for (let at = piece.text.indexOf(text); at >= 0; at = piece.text.indexOf(text, at + 1)) {
    starts.push(at);
  }
  return starts;
}

/** Ranges in order, with adjacent ones merged. */
function joined(ranges) {
  const all = [];
  for (const [from, to] of ranges.sort((a, b) => a[0] - b[0])) {
    const before = all.at(-1);
    if (before && from <= before[1]) before[1] = Math.max(before[1], to);
    else all.push([from, to]);
  }
  return all;
}
