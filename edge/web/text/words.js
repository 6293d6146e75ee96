/**
 * The page's texts for users: refusals, notes about a chat, names of chats.
 */

/** Letters of right-to-left scripts, and characters that change direction (UAX #9). */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u200e\u200f\u202a-\u202e\u2066-\u2069\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** The replacement of a deleted text. */
export const DELETED = "This message was deleted";

const REFUSALS = {
  invalid_request: "Something you entered is not valid. Check it and try again.",
  unknown_user: "One of these people no longer exists.",
  unauthenticated: "You are signed out. Log in again.",
  invalid_credentials: "Wrong name or password",
  forbidden: "Only the owner of the chat can do that.",
  not_found: "This chat is gone, or you are no longer in it.",
  username_taken: "This name is taken. Choose another one.",
  email_taken: "There is already an account with this e-mail address.",
  too_large: "That is too long.",
  internal: "Something went wrong. Try again.",
  unavailable: "Hubbub cannot be reached. Try again in a moment.",
};

/** Why a call was refused, or failed. */
export function refusalInWords(error) {
  if (error.code === "rate_limited") {
    const seconds = Math.max(1, error.retryAfter ?? 1);
    return `Too many attempts. Wait ${waitInWords(seconds)}.`;
  }
  return REFUSALS[error.code] ?? REFUSALS.internal;
}

/** The same on the way in, where `forbidden` means that pages of this address get no session. */
export function noEntryInWords(error, address) {
  if (error.code !== "forbidden") return refusalInWords(error);
  return `This Hubbub cannot be used at ${address}. Open it at its own address or, if you run it, `
    + "set HUBBUB_PUBLIC_URL to this one.";
}

function waitInWords(seconds) {
  if (seconds < 90) return seconds === 1 ? "a second" : `${seconds} seconds`;
  return `${Math.ceil(seconds / 60)} minutes`;
}

/** Why a message was not sent, by the code of the refusal; `isDirect` in a direct chat. */
export function notSentInWords(code, item = {}, isDirect = false) {
  if (code === "not_found" && item.kind === "edit") return "the message was deleted.";
  if (code === "invalid_request") return notStoredInWords(item);
  if (code === "forbidden" && isDirect) return "this account is deleted.";
  if (code === "forbidden" || code === "not_found") return "you are no longer in this chat.";
  if (code === "too_large") return "it is too long for one message.";
  return REFUSALS[code] ?? REFUSALS.internal;
}

function notStoredInWords({ text, replyTo, attachments }) {
  if (!text?.includes("\0")) {
    if (replyTo && attachments?.length) {
      return "the message it answers was deleted, or one of its files is gone.";
    }
    if (attachments?.length) return "one of its files is gone. Choose it again.";
    if (replyTo) return "the message it answers was deleted.";
  }
  return "it contains a character that cannot be stored.";
}

/** Why a change of a message failed, in a sentence. */
export function notChangedInWords({ kind, emoji }, code) {
  const why = code === "invalid_request" && kind === "react"
    ? "A message takes 20 different reactions at most."
    : REFUSALS[code] ?? REFUSALS.internal;
  if (code === "not_found") return "This message is gone.";
  return kind === "delete" ? `Not deleted. ${why}` : `${emoji} was not added. ${why}`;
}

/** Why the connection ended permanently, by its close code. */
export function endInWords(code) {
  if (code === 4503) return "Hubbub is open in too many windows. Close one and reload this one.";
  if (code === 4509) return "This window has sent too much. Reload it.";
  return "This page is out of date. Reload it.";
}

/** Isolates the direction of a name from the sentence around it (UAX #9, FSI and PDI). */
export function isolated(text) {
  return `\u2068${text}\u2069`;
}

/** A name among others or before a text: isolated if it could change the direction around it. */
export function apart(name) {
  return RIGHT_TO_LEFT.test(name) ? isolated(name) : name;
}

/** "ann", "ann and bob", "ann, bob and 4 others". */
export function listed(people, total = people.length) {
  const names = people.map(apart);
  if (total > names.length) return `${names.join(", ")} and ${others(total - names.length)}`;
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** "1 other", "4 others". */
export function others(count) {
  return count === 1 ? "1 other" : `${count} others`;
}

/**
 * A sentence for an event other than a message. `nameOf(id)` returns "you" for the reader; `before`
 * is the last event with the chat's name and topic, or null if unknown.
 */
export function noteOf(event, nameOf, before = null) {
  const by = capitalised(apart(nameOf(event.by)));
  const people = () => namesOf(event.users, nameOf);
  switch (event.type) {
    case "chat.created":
      return event.seq === 1 ? `${by} started the chat` : `${by} added you`;
    case "chat.updated":
      return `${by} ${changeOf(event, before)}`;
    case "participant.added":
      return `${by} added ${people()}`;
    case "participant.removed":
      return event.users.includes(event.by) ? `${by} left` : `${by} removed ${people()}`;
    case "chat.deleted":
      return `${by} deleted the chat`;
    default:
      return `${by} did something that this page cannot show yet`;
  }
}

/** Why the reader is no longer in a chat, with its title. */
export function leftInWords({ detail, left }, me, nameOf) {
  const named = (id) => (id === me ? "you" : nameOf(id));
  const why = left ? noteOf(left, named) : "You are no longer in this chat";
  return `${why}: ${isolated(titleOf(detail, me, nameOf))}`;
}

function changeOf({ chatName, topic = null }, before) {
  const hasTopic = before === null ? topic !== null : topic !== (before.topic ?? null);
  if (hasTopic && before?.chatName === chatName) {
    return topic === null ? "removed the topic" : `set the topic: ${isolated(topic)}`;
  }
  return `named the chat ${isolated(chatName)}${hasTopic && topic ? `, about ${isolated(topic)}` : ""}`;
}

function namesOf(ids, nameOf) {
  return listed(ids.slice(0, 5).map(nameOf), ids.length);
}

function capitalised(name) {
  return name === "you" ? "You" : name;
}

/** The other person of a direct chat, else null. */
export function otherOf({ kind, participants }, me) {
  return kind === "direct" ? participants.find((id) => id !== me) : null;
}

/** A chat's name; for a direct chat, the other person's. */
export function titleOf(detail, me, nameOf) {
  const other = otherOf(detail, me);
  return other === null ? detail.chatName : nameOf(other);
}
