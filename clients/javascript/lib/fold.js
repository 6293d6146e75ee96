/**
 * The current state of a message: its event and every later event about it, folded together. The
 * same function as common/protocol/fold.py, held to the same cases. Pure.
 */

const MAX_USERS_SHOWN = 100; // per reaction
const CHANGES = new Set([
  "message.edited", "message.deleted", "reaction.added", "reaction.removed", "links.previewed",
]);

/** Whether an event changes a message instead of being an entry in the log. */
export function changesMessage(event) {
  return CHANGES.has(event.type);
}

/** A message after only its own event; a blanked one is empty. */
export function begin(event) {
  return event.deleted ? blank(event) : event;
}

/** A message after an event about it. */
export function change(message, event) {
  if (event.type === "message.deleted") {
    return { ...blank(message), deletedAt: event.at, deletedBy: event.by };
  }
  if (isBlank(message)) return message; // these events are from before its deletion
  if (event.deleted) return blank(message);
  switch (event.type) {
    case "message.edited":
      return edited(message, event);
    case "reaction.added":
      return withList("reactions", message, added(message.reactions ?? [], event));
    case "reaction.removed":
      return withList("reactions", message, removed(message.reactions ?? [], event));
    case "links.previewed":
      return withList("previews", message, event.previews);
    default:
      return message;
  }
}

/** Whether its text is permanently gone. */
export function isBlank({ message, attachments }) {
  return message === "" && !attachments?.length;
}

function blank({ type, chat, seq, at, by, messageId }) {
  return { type, chat, seq, at, by, messageId, message: "" };
}

/** A new text has different links. */
function edited({ mentions: _, previews: __, ...rest }, { message, at, mentions }) {
  const now = { ...rest, message, editedAt: at };
  return mentions?.length ? { ...now, mentions } : now;
}

/** Without the field where the list is empty. */
function withList(field, { [field]: _, ...rest }, list) {
  return list.length > 0 ? { ...rest, [field]: list } : rest;
}

function added(reactions, { emoji, by }) {
  if (reactions.every((one) => one.emoji !== emoji)) {
    return [...reactions, { emoji, count: 1, users: [by] }];
  }
  return reactions.map((one) => (one.emoji === emoji ? joined(one, by) : one));
}

function joined({ emoji, count, users }, by) {
  // If some users are only counted, a later one is not among the first.
  const isShown = count === users.length && count < MAX_USERS_SHOWN;
  return { emoji, count: count + 1, users: isShown ? [...users, by] : users };
}

function removed(reactions, { emoji, by }) {
  return reactions
    .map((one) => (one.emoji === emoji
      ? { emoji, count: one.count - 1, users: one.users.filter((user) => user !== by) }
      : one))
    .filter((one) => one.count > 0);
}
