/**
 * Sends one change of a message to the server: an edit, a deletion, a reaction. Returns the
 * outcome; does not retry.
 */
import { NotFound } from "./client/errors.js";

/** `{seq}` if the change has one, else `{}`. Raises Refused or NoAnswer. */
export async function bring(api, { kind, chat, messageId, clientId, text, mentions, emoji, isOn }) {
  switch (kind) {
    case "edit": {
      const wanted = { message: text, mentions: mentions ?? [] };
      const { seq } = await api.editMessage(chat, messageId, wanted, clientId);
      return { seq };
    }
    case "delete":
      await unlessGone(api.deleteMessage(chat, messageId, clientId));
      return {};
    default:
      if (isOn === null) await turn(api, { chat, messageId, emoji, clientId });
      else if (isOn) await api.addReaction(chat, messageId, emoji);
      else await unlessGone(api.removeReaction(chat, messageId, emoji));
      return {};
  }
}

/** Toggles a reaction: with many users, only the server knows the current state. */
async function turn(api, { chat, messageId, emoji, clientId }) {
  try {
    await api.removeReaction(chat, messageId, emoji, clientId);
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
    await api.addReaction(chat, messageId, emoji);
  }
}

/** A missing target counts as removed, maybe by an earlier attempt. */
async function unlessGone(asked) {
  try {
    await asked;
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
  }
}
