/**
 * The actions on a stored message, and who may take them.
 */
/**
 * `does` is `{react(emoji), pick(anchor), reactions(), reply(), edit(), copyText(), copyLink(),
 * share(), unread(), write(), remove()}`, without `share` if the system lacks it; `isOwner` of a
 * group; `isNews` if somebody else has written from here on; `author` is the name of a person to
 * write to, or null.
 */
export function choicesFor(row, { isOwner, isNews, author, hasReactions, does }) {
  const may = !row.isGone;
  const isPending = row.state !== "stored";
  return [
    may && { icon: "react", label: "React", isQuick: true, isOnlyQuick: true, take: does.pick },
    may && { icon: "reply", label: "Reply", isQuick: true, take: does.reply },
    may && row.mine && !isPending && {
      icon: "edit", label: "Edit", isQuick: true, take: does.edit,
    },
    may && row.text !== "" && { icon: "copy", label: "Copy text", take: does.copyText },
    { icon: "link", label: "Copy link", take: does.copyLink },
    may && hasReactions && { icon: "smile", label: "Who reacted", take: does.reactions },
    may && does.share !== undefined && { icon: "share", label: "Share", take: does.share },
    isNews && { icon: "unread", label: "Mark as unread", isOnAlt: true, take: does.unread },
    author !== null && { icon: "chat", label: `Write to ${author}`, take: does.write },
    may && (row.mine || isOwner) && null,
    may && (row.mine || isOwner) && {
      icon: "trash", label: "Delete", danger: true, take: does.remove,
    },
  ].filter((choice) => choice !== false);
}
