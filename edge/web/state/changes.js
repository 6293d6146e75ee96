/**
 * Sends one change of a message to the server: an edit, a deletion, a reaction. Returns the
 * outcome; does not retry.
 */
import { NotFound } from "../client/errors.js";

/**
 * `{seq}` if the change has one, else `{}`. `learn(changes)` when something about the change became
 * known that a repeat has to respect. Raises Refused or NoAnswer.
 */
export async function bring(api, change, learn) {
  const { kind, chat, messageId, clientId, text, mentions, emoji, isOn } = change;
  switch (kind) {
    case "edit": {
      const wanted = { message: text, mentions: mentions ?? [] };
      const { seq } = await api.editMessage(chat, messageId, wanted, clientId);
      return { seq };
    }
    case "delete":
      await isThere(api.deleteMessage(chat, messageId, clientId));
      return {};
    default:
      if (!isOn) {
        const wasOn = await isThere(api.removeReaction(chat, messageId, emoji, clientId));
        if (wasOn || isOn === false) return {};
        learn({ isOn: true }); // with many users, only the server knows the current state
      }
      await api.addReaction(chat, messageId, emoji);
      return {};
  }
}

/** False if the target is missing: it counts as removed, maybe by an earlier attempt. */
async function isThere(asked) {
  try {
    await asked;
    return true;
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
    return false;
  }
}
