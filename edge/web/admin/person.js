/**
 * The name of a person, and the permissions of roles.
 */

export const ROLES = {
  owner: { label: "Owner", hint: "May do everything, also to other owners and to this instance." },
  admin: { label: "Admin", hint: "Invites people, and deactivates, resets and deletes members." },
  member: { label: "Member", hint: "Uses chats. Does not see this page." },
};

export function nameOf({ displayName, username }) {
  return displayName || username;
}
