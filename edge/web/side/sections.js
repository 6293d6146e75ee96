/**
 * The order of the chat list: unread chats first, then groups, then direct chats, and archived ones
 * last. Pure.
 */

/**
 * `[{name, chats}]` without empty sections; `chats` are newest first. With `isUnreadFirst` unread
 * ones have a section. The open chat stays in the one in which it was opened (`wasUnread`).
 */
export function sectionsOf(chats, { open, wasUnread = false, isDirect, isUnreadFirst = true }) {
  const isUnread = (chat) => isUnreadFirst && (chat === open ? wasUnread : chat.waiting > 0);
  const kept = chats.filter((chat) => !chat.mine.archived);
  const read = kept.filter((chat) => !isUnread(chat));
  return [
    { name: "Unread", chats: kept.filter(isUnread) },
    { name: "Chats", chats: read.filter((chat) => !isDirect(chat)) },
    { name: "Direct", chats: read.filter(isDirect) },
    { name: "Archived", chats: chats.filter((chat) => chat.mine.archived) },
  ].filter((section) => section.chats.length > 0);
}

/** The next chat of the list, up (-1) or down (1), or the next unread one; else undefined. */
export function beside(sections, chat, by, onlyUnread) {
  const chats = sections.filter(({ name }) => name !== "Archived")
    .flatMap((section) => section.chats);
  const at = chats.indexOf(chat);
  const order = by > 0 ? chats.slice(at + 1) : chats.slice(0, Math.max(0, at)).toReversed();
  const isWanted = (other) => other !== chat && (!onlyUnread || other.waiting > 0);
  // The next unread one may be in the other direction: unread chats are all at the top.
  return order.find(isWanted) ?? (onlyUnread ? chats.find(isWanted) : undefined);
}
