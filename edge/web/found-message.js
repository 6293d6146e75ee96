/**
 * A message that was found, as a hit of the finder: where and when, and the place of the words.
 */
import { avatar, element, lettersOf } from "./element.js";
import { hueOf } from "./ids.js";
import { plainOf } from "./prose.js";

const BEFORE = 30; // characters of the text before the first word that was found
const SHOWN = 160;

/** The parts of a hit. `words` are what was searched for. */
export function partsOfMessage({ by, name, where, time, message }, words) {
  return [
    avatar(hueOf(by), lettersOf(name), { person: true, size: "s28" }),
    element(
      "span",
      { class: "two" },
      element(
        "span",
        { class: "first-line" },
        element("span", { class: "cut" }, element("b", {}, name), " in ", where),
        element("time", {}, time),
      ),
      element("span", { class: "found-text cut", dir: "auto" }, ...marked(message, words)),
    ),
  ];
}

/** The words of a search without its quotes. */
export function wordsOf(text) {
  return text.match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
}

/** The text around the first of the words, each of them in a mark. */
function marked(message, words) {
  const text = plainOf(message);
  const pattern = new RegExp(words.map((word) => RegExp.escape?.(word) ?? word).join("|"), "giu");
  const first = Math.max(0, text.search(pattern) - BEFORE);
  const shown = `${first > 0 ? "…" : ""}${text.slice(first, first + SHOWN)}`;
  const nodes = [];
  let end = 0;
  for (const match of shown.matchAll(pattern)) {
    nodes.push(shown.slice(end, match.index), element("mark", {}, match[0]));
    end = match.index + match[0].length;
  }
  return [...nodes, shown.slice(end)];
}
