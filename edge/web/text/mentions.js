/**
 * The context of a message being written: whom it mentions, what commands may do.
 */
import { blocksOf } from "./prose.js";
import { otherOf } from "./words.js";

const WRITTEN = /(?<![\w@.])@([A-Za-z0-9_.-]{3,32})/gu;
const MOST_MENTIONED = 50;
const MOST_LOOKED_UP = 20;

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
export function mentionsIn(text, where) {
  const ids = writtenIn(text, where).map(({ id }) => id).filter((id) => id !== undefined);
  return [...new Set(ids)].slice(0, MOST_MENTIONED);
}

/** The names in a text that may be those of people whose names are not known here. */
export function unknownIn(text, where) {
  const { chat: { detail }, names } = where;
  if (!isCut(detail) && detail.participants.every((id) => names.known(id))) return [];
  const unknown = writtenIn(text, where).filter(({ id }) => id === undefined);
  return [...new Set(unknown.map(({ name }) => name))].slice(0, MOST_LOOKED_UP);
}

/**
 * As `mentionsIn`, after looking up the unknown names; without those if that fails. Null for a chat
 * that is not known.
 */
export async function lookUpMentions(text, where) {
  const { chat, names } = where;
  if (!chat?.detail) return null;
  const { detail } = chat;
  if (isCut(detail)) await Promise.all(unknownIn(text, where).map((name) => names.find(name)));
  else await names.need(detail.participants);
  return mentionsIn(text, where);
}

/** `[{name, id}]` of the names after an `@`; the id is undefined if it is nobody known here. */
function writtenIn(text, { chat: { detail }, names }) {
  const people = isCut(detail) ? names.ids : detail.participants;
  return [...sayingOf(text).matchAll(WRITTEN)].map(([, written]) => {
    const name = written.replace(/[._-]+$/u, ""); // unless somebody's name ends with a stop
    return { name, id: names.oneCalled(written, people) ?? names.oneCalled(name, people) };
  });
}

/** The parts of a text that can name somebody, one on each line: neither code nor addresses. */
function sayingOf(text) {
  const inline = (pieces) => pieces.flatMap(({ kind, text: said, pieces: inner }) => (
    kind === "text" ? [said] : inline(inner ?? [])
  ));
  return blocksOf(text).flatMap(({ pieces = [], items = [pieces] }) => items.flatMap(inline))
    .join("\n");
}
