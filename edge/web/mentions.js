/**
 * What a message that somebody writes depends on: whom it mentions, what commands may do.
 */
import { otherOf } from "./words.js";

/** What commands depend on. */
export function powersIn(chat, me) {
  const isGroup = otherOf(chat.detail, me.id) === null;
  return { isOwner: chat.isOwner && isGroup, isGroup };
}

/** The people of a chat whom a text mentions, as far as their names are known here. */
export function mentionsIn(text, { chat, names }) {
  const written = text.matchAll(/(?<![\w@.])@([A-Za-z0-9_.-]{3,32})/gu);
  const ids = [...written].map(([, name]) => {
    const bare = name.replace(/[._-]+$/u, "");
    const { participants } = chat.detail;
    return names.oneCalled(name, participants) ?? names.oneCalled(bare, participants);
  });
  return [...new Set(ids.filter((id) => id !== undefined))].slice(0, 50);
}
