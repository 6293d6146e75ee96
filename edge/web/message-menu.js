/**
 * What can be done with a stored message, and by whom.
 */
import { element } from "./element.js";

/**
 * `does` is `{react(emoji), pick(anchor), reply(), edit(), copyText(), copyLink(), unread(),
 * remove()}`; `isOwner` of a chat of several.
 */
export function choicesFor(row, { isOwner, does }) {
  const may = !row.isGone;
  const isPending = row.state !== "stored";
  return [
    may && { icon: "react", label: "React", isQuick: true, isOnlyQuick: true, take: does.pick },
    may && { icon: "reply", label: "Reply", isQuick: true, take: does.reply },
    may && row.mine && !isPending && {
      icon: "edit", label: "Edit", isQuick: true, take: does.edit,
    },
    may && { icon: "copy", label: "Copy text", take: does.copyText },
    { icon: "link", label: "Copy link", take: does.copyLink },
    { icon: "chat", label: "Mark as unread", take: does.unread },
    may && (row.mine || isOwner) && null,
    may && (row.mine || isOwner) && {
      icon: "trash", label: "Delete", danger: true, take: does.remove,
    },
  ].filter((choice) => choice !== false);
}

/** One tap on one of six emoji, or the way to all of them; stands above the other choices. */
export function quickReactions({ row, six, close, react, pick }) {
  const has = (emoji) => row.reactions.some((one) => one.emoji === emoji && one.isMine);
  const button = (emoji) => element(
    "button",
    {
      type: "button", role: "menuitemcheckbox", "aria-checked": String(has(emoji)),
      "aria-label": `React with ${emoji}`,
      onclick: () => {
        close();
        react(emoji, !has(emoji));
      },
    },
    emoji,
  );
  const group = { class: "quick", role: "group", "aria-label": "React" };
  return element("div", group, ...six.map(button), pick);
}
