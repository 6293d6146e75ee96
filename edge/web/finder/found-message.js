/**
 * A message among the finder's results: where and when, and an excerpt with the words.
 */
import { avatar, element, lettersOf } from "../parts/element.js";
import { cutAt, findIn } from "../text/found-words.js";
import { hueOf } from "../text/hues.js";
import { plainOf } from "../text/prose.js";

const BEFORE = 30; // characters of text before the first found word
const SHOWN = 160;

/** The nodes of a result; `parts` as `excerptOf` returns them. */
export function partsOfMessage({ by, face, name, picture, where, time, title, parts }) {
  return [
    avatar(hueOf(by), lettersOf(face), { person: true, size: "s28", picture }),
    element(
      "span",
      { class: "two" },
      element(
        "span",
        { class: "first-line" },
        element("span", { class: "cut" }, element("bdi", {}, element("b", {}, name)), " in ", element("bdi", {}, where)),
        " ",
        element("time", { title }, time),
        " ",
      ),
      element("span", { class: "found-text cut", dir: "auto" }, ...marked(parts)),
    ),
  ];
}

/** Text nodes, and a mark for each part that is marked. */
export function marked(parts) {
  return parts.map(({ text, isMarked }) => (isMarked ? element("mark", {}, text) : text));
}

/** Whether a message, with the names of its files, has all that is wanted. */
export function isFound({ message, attachments = [] }, wanted) {
  return findIn([message, ...attachments.map(({ name }) => name)].join("\n"), wanted).isAll;
}

/** The text around the first match: `[{text, isMarked}]`. */
export function excerptOf({ message, attachments = [] }, wanted) {
  const plain = plainOf(message);
  const isSaid = findIn(plain, wanted).isAll;
  const names = isSaid ? [] : attachments.map(({ name }) => name); // these are searched too
  const text = [plain, ...names].filter((part) => part !== "").join(" · ");
  const { ranges } = findIn(text, wanted);
  const first = wordStart(text, (ranges[0]?.[0] ?? 0) - BEFORE);
  const shown = text.slice(first, first + SHOWN).replace(/[\ud800-\udbff]$/, "");
  const inside = ranges.map(([from, to]) => [from - first, Math.min(to - first, shown.length)])
    .filter(([from]) => from < shown.length);
  const parts = cutAt(shown, inside);
  return first > 0 ? [{ text: "…", isMarked: false }, ...parts] : parts;
}

/** Where to start without cutting a word, if a space is near; never inside a character. */
function wordStart(text, at) {
  if (at <= 0) return 0;
  const space = text.slice(at, at + BEFORE).search(/\s/u);
  const start = space >= 0 ? at + space + 1 : at;
  return /[\udc00-\udfff]/.test(text[start]) ? start + 1 : start;
}
