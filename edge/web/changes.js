/**
 * Brings one change of a message to the server: an edit, a deletion, a reaction. Says what became
 * of it; repeats nothing.
 */
import { NotFound } from "./client/errors.js";

/** `{seq}` where the change has one, `{}` else. Raises Refused or NoAnswer. */
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

/** Takes a reaction away, or makes it where there is none: of many the server alone knows which. */
async function turn(api, { chat, messageId, emoji, clientId }) {
  try {
    await api.removeReaction(chat, messageId, emoji, clientId);
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
    await api.addReaction(chat, messageId, emoji);
  }
}

/** What is not there any more has been taken away, be it by an earlier try. */
async function unlessGone(asked) {
  try {
    await asked;
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
  }
}
