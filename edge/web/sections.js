/**
 * The order of the list of chats: what is unread first, then groups, then chats of two. Pure.
 */

/**
 * `[{name, chats}]` without empty sections; `chats` come newest first. The open chat stays where
 * it is while one reads it, so it is no unread one.
 */
export function sectionsOf(chats, { open, isDirect }) {
  const isUnread = (chat) => chat !== open && chat.unread > 0;
  const read = chats.filter((chat) => !isUnread(chat));
  return [
    { name: "Unread", chats: chats.filter(isUnread) },
    { name: "Chats", chats: read.filter((chat) => !isDirect(chat)) },
    { name: "Direct", chats: read.filter(isDirect) },
  ].filter((section) => section.chats.length > 0);
}

/** The next chat of the list, up (-1) or down (1), or the next unread one; else undefined. */
export function beside(sections, chat, by, onlyUnread) {
  const chats = sections.flatMap((section) => section.chats);
  const at = chats.indexOf(chat);
  const order = by > 0 ? chats.slice(at + 1) : chats.slice(0, Math.max(0, at)).toReversed();
  const found = order.find((other) => !onlyUnread || other.unread > 0);
  // The next unread one may stand on the other side: unread chats are all at the top.
  return found ?? (onlyUnread ? chats.find((other) => other !== chat && other.unread > 0) : found);
}
