/**
 * The context of a message being written: whom it mentions, what commands may do.
 */
import { otherOf } from "./words.js";

/** What commands depend on. */
export function powersIn(chat, me) {
  const isGroup = otherOf(chat.detail, me.id) === null;
  return { isOwner: chat.isOwner && isGroup, isGroup };
}

/** Whether the server lists only some people of a chat: it truncates at 1,000. */
export function isCut({ participants, participantCount }) {
  return participants.length < participantCount;
}

/**
 * The people of a chat whom a text mentions, as far as their names are known here. If the list is
 * truncated, anybody: the server drops those who do not participate.
 */
export function mentionsIn(text, { chat, names }) {
  const written = text.matchAll(/(?<![\w@.])@([A-Za-z0-9_.-]{3,32})/gu);
  const people = isCut(chat.detail) ? names.ids : chat.detail.participants;
  const ids = [...written].map(([, name]) => {
    const bare = name.replace(/[._-]+$/u, "");
    return names.oneCalled(name, people) ?? names.oneCalled(bare, people);
  });
  return [...new Set(ids.filter((id) => id !== undefined))].slice(0, 50);
}
