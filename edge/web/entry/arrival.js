/**
 * What a link does for a signed-in user.
 */
import { BROKEN_LINKS, NO_ROOM, OWNER_LINK_TAKEN_BY_ACCOUNT, alreadyIn } from "../text/link-words.js";
import { refusalInWords } from "../text/words.js";

/**
 * Follows it, and puts the chat that it leads to into the address. Returns the text to show, or "".
 * `hasJoined` if it has just made the account. Raises NoAnswer.
 */
export async function followLink({ kind, code, hasJoined }, { api, instance }) {
  if (kind === "owner") return OWNER_LINK_TAKEN_BY_ACCOUNT;
  try {
    const path = `/api/invite/${encodeURIComponent(code)}/take`;
    const { chat } = await api.call("POST", path, { isSafe: true }); // one use per person
    if (chat === null) return hasJoined ? "" : alreadyIn(instance.name);
    history.replaceState(null, "", `#${chat}`);
    return "";
  } catch (error) {
    if (error.code === undefined || error.code === "unavailable" || error.final) throw error;
    if (error.code === "invalid_request") return NO_ROOM;
    return error.code === "not_found" ? BROKEN_LINKS.invite : refusalInWords(error);
  }
}
