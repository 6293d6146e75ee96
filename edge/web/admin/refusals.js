/**
 * Refusals to owners and admins, in words.
 */
import { refusalInWords } from "../text/words.js";

const REFUSALS = {
  forbidden: "Your role does not allow that.",
  last_owner: "The last active owner must stay one. Make somebody else an owner first.",
  not_found: "It is gone already. Load the page again.",
};

export function refused(error) {
  if (error.code === "invalid_request" && error.errors?.[0]) {
    const { field, detail } = error.errors[0];
    return `${field} ${detail}.`;
  }
  return REFUSALS[error.code] ?? refusalInWords(error);
}
