/**
 * Texts about invitation and other entry links.
 */
import { isolated } from "./words.js";

/** Why a link does not work, by its kind. */
export const BROKEN_LINKS = {
  owner: "This link does not work any more. While nobody is the owner, every start of Hubbub prints "
    + "a new one.",
  invite: "This invitation does not work any more: it was used up, taken back, or has expired. Ask "
    + "for a new one.",
  reset: "This link does not work any more: it was used, a newer one was made, or it has expired. "
    + "Ask for a new one.",
};

/** Why an invitation that works leads nowhere. */
export const NO_ROOM = "There is no room: the chat of this invitation is full, or you are in too many "
  + "chats.";

/** For users who already have an account. */
export const OWNER_LINK_TAKEN_BY_ACCOUNT = "The owner's link is for a new account: log out, and open "
  + "it again. On the machine, “make owner NAME=…” makes this account the owner.";

export function alreadyIn(name) {
  return `You are in ${isolated(name)} already.`;
}

/** For new accounts: title, the effect of the link, and the button's label. */
export function welcomeWords(link, name) {
  if (link?.kind === "owner") {
    return ["Set up Hubbub", "You will be the owner of this instance.", "Sign up"];
  }
  if (link?.kind === "invite") {
    const lead = `You were invited to ${isolated(name)}. Choose a name and start talking.`;
    return [`Join ${isolated(name)}`, lead, "Join"];
  }
  return ["Join the conversation", "Choose a name and start talking.", "Sign up"];
}

/** Why nobody can sign up here, or not without an invitation. */
export function noSignUpWords(signup, name) {
  if (signup === "closed") return `${isolated(name)} takes no new accounts at the moment.`;
  return `New here? ${isolated(name)} is by invitation: open the link that you were sent.`;
}
