/**
 * What a message is now: its `message` event with everything that happened to it since. The same
 * function as the server's, held to the same cases. Pure.
 */

const MOST_USERS = 100;
const CHANGES = new Set([
  "message.edited", "message.deleted", "reaction.added", "reaction.removed",
]);

/** Whether an event changes a message instead of standing in the log itself. */
export function changesMessage(event) {
  return CHANGES.has(event.type);
}

/** The current message after one event about it, or the `message` event itself. */
export function fold(message, event) {
  switch (event.type) {
    case "message":
      return event.deleted ? gone(event) : event;
    case "message.edited":
      return message.deletedAt ? message : edited(message, event);
    case "message.deleted":
      return { ...gone(message), deletedAt: event.at, deletedBy: event.by };
    case "reaction.added":
      return message.deletedAt ? message : withReactions(message, added(message, event));
    case "reaction.removed":
      return message.deletedAt ? message : withReactions(message, removed(message, event));
    default:
      return message;
  }
}

function gone({ type, chat, seq, at, by, messageId }) {
  return { type, chat, seq, at, by, messageId, message: "" };
}

function edited(message, event) {
  const { mentions: _, ...rest } = message;
  const now = { ...rest, message: event.message, editedAt: event.at };
  return event.mentions?.length ? { ...now, mentions: event.mentions } : now;
}

function added({ reactions = [] }, { emoji, by }) {
  if (!reactions.some((one) => one.emoji === emoji)) {
    return [...reactions, { emoji, count: 1, users: [by] }];
  }
  return reactions.map((one) => (one.emoji === emoji ? joined(one, by) : one));
}

function joined({ emoji, count, users }, by) {
  const listed = users.length < MOST_USERS && count === users.length ? [...users, by] : users;
  return { emoji, count: count + 1, users: listed };
}

function removed({ reactions = [] }, { emoji, by }) {
  return reactions
    .map((one) => (one.emoji === emoji
      ? { emoji, count: one.count - 1, users: one.users.filter((user) => user !== by) }
      : one))
    .filter((one) => one.count > 0);
}

function withReactions(message, reactions) {
  const { reactions: _, ...rest } = message;
  return reactions.length > 0 ? { ...rest, reactions } : rest;
}
