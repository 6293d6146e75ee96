/**
 * A message's text as nodes, each paragraph in the direction of its own script. Text becomes text
 * nodes; the only attribute it can set is the address of an http link.
 */
import { element } from "../parts/element.js";
import { isEmojiAlone } from "../text/emoji.js";
import { blocksOf } from "../text/prose.js";

const LONG_TEXT = 3_000; // UTF-16 units; longer texts are collapsed
const MANY_LINES = 30;
const MOST_PARTS = 600; // built of a collapsed text, which shows about 15 lines
const PARTS_A_LINE = 20; // a block or an item counts as so many

/**
 * `mention(name)` returns the node for a name after `@`, or null if it is nobody's;
 * `chatAt(address)` returns `{hash, words}` for the address of a known chat, or null; `isWhole` if
 * a long text was expanded, as `isUnfolded` tells.
 */
export function proseOf(text, given = {}) {
  const isLong = text.length > LONG_TEXT || text.split("\n", MANY_LINES).length >= MANY_LINES;
  if (isLong && !given.isWhole) return folded(text, given);
  const node = textOf(text, given);
  if (isLong) node.classList.add("unfolded");
  return node;
}

/** Whether the long text in a node was expanded. */
export function isUnfolded(node) {
  return node.querySelector(".text.unfolded") !== null;
}

function textOf(text, {
  mention = () => null, chatAt = () => null, after = null, first = (parts, make) => parts.map(make),
}) {
  const node = element("div", { class: "text" });
  const names = { mention, chatAt, first };
  if (isEmojiAlone(text)) node.append(element("p", { class: "emoji-only" }, text.trim()));
  else node.append(...first(blocksOf(text), (block) => blockOf(block, names), PARTS_A_LINE));
  if (after) (node.lastChild?.nodeName === "P" ? node.lastChild : node).append(" ", after);
  return node;
}

function blockOf(block, names) {
  const fill = (pieces) => nodesOf(pieces, names);
  switch (block.kind) {
    case "code":
      return element("pre", { tabindex: "0", dir: "ltr" }, element("code", {}, block.text));
    case "quote":
      return element("blockquote", { dir: "auto" }, ...fill(block.pieces));
    case "list": {
      const items = names.first(
        block.items, (pieces) => element("li", {}, ...fill(pieces)), PARTS_A_LINE,
      );
      if (block.start === null) return element("ul", { dir: "auto" }, ...items);
      return element("ol", { dir: "auto", start: String(block.start) }, ...items);
    }
    default:
      return element("p", { dir: "auto" }, ...fill(block.pieces));
  }
}

function nodesOf(pieces, names) {
  return names.first(pieces, (piece) => pieceOf(piece, names)).flat();
}

function pieceOf({ kind, text, pieces }, names) {
  switch (kind) {
    case "code":
      return [element("code", {}, text)];
    case "bold":
      return [element("b", {}, ...nodesOf(pieces, names))];
    case "link":
      return [linkOf(text, names.chatAt(text))];
    default: {
      const parts = text.split(/((?<![\w@.])@[A-Za-z0-9_.-]{3,32})/u);
      return parts.length === 1 ? parts : names.first(parts, (part, n) => (
        n % 2 === 1 ? mentioned(part, names.mention) : part
      )).flat().filter((part) => part !== "");
    }
  }
}

/** A link to a known chat has its name and opens in this window. */
function linkOf(address, chat) {
  if (chat !== null) return element("a", { href: chat.hash, title: address }, chat.words);
  return element("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, address);
}

/** A full stop after a name may end the sentence instead of belonging to the name. */
function mentioned(part, mention) {
  for (let name = part.slice(1); name.length >= 3; name = name.slice(0, -1)) {
    const node = mention(name);
    if (node) return [node, part.slice(1 + name.length)];
    if (!/[_.-]$/u.test(name)) break;
  }
  return [part];
}

/** Built as far as can be seen: all of it would take seconds in a chat of such texts. */
function folded(text, given) {
  let left = MOST_PARTS;
  const first = (parts, make, cost = 1) => {
    const made = [];
    while (left > 0 && made.length < parts.length) {
      left -= cost;
      made.push(make(parts[made.length], made.length));
    }
    return made;
  };
  const node = textOf(text, { ...given, first });
  node.classList.add("folded");
  const more = element("button", {
    type: "button",
    class: "link",
    onclick: () => {
      const whole = proseOf(text, { ...given, isWhole: true });
      more.closest("[tabindex]")?.focus({ preventScroll: true });
      more.parentNode.replaceWith(whole);
      whole.dispatchEvent(new Event("unfold", { bubbles: true }));
    },
  }, "Show all of it");
  return element("div", {}, node, more);
}
