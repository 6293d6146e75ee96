/**
 * What a message will be once the server has stored the user's changes: pending edits, deletions
 * and reactions, applied to the current message. Pure.
 */
import { change } from "./fold.js";

/**
 * A message with the pending changes: `{kind: "edit" | "delete" | "react", of, at, …}`. Applying a
 * change twice has no effect, so an answer may arrive before or after its event.
 */
export function expected(message, changes, me) {
  return changes.filter((one) => one.of === message.seq)
    .reduce((ahead, one) => (one.state === "failed" && one.kind !== "edit"
      ? ahead
      : change(ahead, eventOf(ahead, one, me))), message);
}

/** Whether a message already has the result of a change. */
export function isAs(message, one, me) {
  return JSON.stringify(expected(message, [one], me)) === JSON.stringify(message);
}

/** Whether this event is the result of a change. */
export function isOutcome(event, one, me) {
  if (event.by !== me || event.of !== one.of) return false;
  return event.seq === one.seq || (event.type === typeOf(one) && event.emoji === one.emoji
    && (one.kind !== "edit" || event.message === one.text));
}

function eventOf(message, one, me) {
  const { kind, at, text, mentions, emoji } = one;
  const event = { type: typeOf(one), at, by: me, message: text, mentions, emoji };
  if (kind !== "react") return event;
  const there = message.reactions?.find((other) => other.emoji === emoji);
  const has = hasReacted(there, me);
  return has === null || has === one.isOn ? { type: "nothing" } : event;
}

/** Whether a user is among those of a reaction, if it exists; null if it cannot be known. */
export function hasReacted({ users, count } = { users: [], count: 0 }, user) {
  if (users.includes(user)) return true;
  return users.length < count ? null : false;
}

function typeOf({ kind, isOn }) {
  if (kind === "react") return isOn ? "reaction.added" : "reaction.removed";
  return kind === "edit" ? "message.edited" : "message.deleted";
}
