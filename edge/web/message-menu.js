/**
 * What can be done with a stored message, and by whom.
 */
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
