/**
 * The entries of the audit log as sentences. The subject precedes them.
 */
import { isolated } from "../text/words.js";

const ROLE_WORDS = { owner: "an owner", admin: "an admin", member: "a member" };
const SIGN_UP = {
  open: "opened sign-up to everybody",
  invite: "opened sign-up to invited people only",
  closed: "closed sign-up",
};

/** What was done; `nameOf(id)` returns "you" for the reader. */
export function doneInWords({ action, by, of, detail }, nameOf) {
  const isMe = by !== null && nameOf(by) === "you";
  const itself = isMe ? "yourself" : "themself";
  const whom = of === by ? itself : nameOf(of);
  switch (action) {
    case "instance.updated":
      return instanceInWords(detail);
    case "invite.created":
      return invitationInWords(detail);
    case "invite.revoked":
      return "revoked an invitation";
    case "user.updated":
      return changeInWords(detail, whom);
    case "user.reset":
      return `made a link for ${whom} to set a new password`;
    case "user.deleted":
      return `deleted ${of === by ? "their own account" : whom}`
        + (detail.messages ? ", and all messages" : "");
    case "owner.made":
      return of === by ? "became the owner by the first link" : `made ${whom} an owner`;
    default:
      return `did something that this page does not know: ${action}`;
  }
}

function instanceInWords({ name, signup }) {
  const done = [];
  if (name !== undefined) done.push(`named the instance ${isolated(name)}`);
  if (signup !== undefined) done.push(SIGN_UP[signup]);
  return done.join(" and ");
}

function invitationInWords({ uses, days, role, chat }) {
  const people = uses === 1 ? "one person" : `${uses} people`;
  const as = role === "admin" ? " as admins" : "";
  const into = chat ? " into a chat" : "";
  return `invited ${people}${as}${into}, for ${days === 1 ? "a day" : `${days} days`}`;
}

function changeInWords({ role, active }, whom) {
  const done = [];
  if (role) done.push(`made ${whom} ${ROLE_WORDS[role]}`);
  if (active === true) done.push(`reactivated ${whom}`);
  if (active === false) done.push(`deactivated ${whom}`);
  return done.join(" and ");
}
