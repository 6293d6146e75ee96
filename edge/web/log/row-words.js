/**
 * The texts of a row of the log: names instead of ids, readable times, and the message a reply
 * quotes. Draws nothing.
 */
import { hasReacted } from "../client/expected.js";
import { dayName, fullTime } from "../text/days.js";
import { noteOf } from "../text/words.js";

const SLOW_MS = 400; // faster sends are never shown as being sent
const NAMES_OF_REACTION = 5;

/**
 * A row of `rowsOf` in words. `quoted(messageId)` returns the quoted message, `found` is the seq
 * from an address.
 */
export function worded(row, { me, names, quoted, found, isLive, nowMs }) {
  switch (row.kind) {
    case "day":
      return { ...row, text: dayName(row.day, nowMs) };
    case "new":
      return { ...row, text: "New" };
    case "note":
      return {
        key: row.key, kind: "note", seq: row.seq, at: row.at, title: fullTime(row.at),
        text: noteOf(row.event, (id) => (id === me.id ? "you" : names.of(id)), row.before),
      };
    default:
      return {
        ...row,
        name: names.of(row.by),
        picture: names.pictureOf(row.by),
        waits: row.state === "pending" && !isLive, // stored rows are not redrawn for it
        ...spoken(row, { me, names }),
        quoted: row.replyTo ? quoted(row.replyTo) : null,
        isSlow: row.state === "pending" && nowMs - Date.parse(row.changedAt ?? row.at) >= SLOW_MS,
        isFound: row.seq !== undefined && row.seq === found,
        offset: new Date(row.at).getTimezoneOffset(), // its times are redrawn in another zone
      };
  }
}

function spoken({ mentions = [], reactions = [] }, { me, names }) {
  return {
    mentioned: mentions.map((id) => ({
      id, username: names.known(id)?.username ?? "", name: names.of(id), isMe: id === me.id,
    })),
    reactions: reactions.map(({ emoji, count, users }) => ({
      emoji, count, isMine: hasReacted({ users, count }, me.id),
      names: users.slice(0, NAMES_OF_REACTION).map((id) => (id === me.id ? "You" : names.of(id))),
    })),
  };
}
