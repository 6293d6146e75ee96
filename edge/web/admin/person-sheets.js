/**
 * Actions of owners and admins on an account, each with a sheet that explains it.
 */
import { element } from "../parts/element.js";
import { isolated } from "../text/words.js";
import { openAsk } from "./ask.js";
import { linkBox } from "./link-box.js";
import { ROLES, nameOf } from "./person.js";
import { choices } from "./choices.js";
import { refused } from "./refusals.js";

/** `parts` are `{calls, layers, toast, onChanged(person), onDeleted(person)}`, here and below. */
export function openRole(person, { calls, layers, toast, onChanged }) {
  const name = isolated(nameOf(person));
  const roles = choices({
    legend: `What may ${name} do?`,
    options: Object.entries(ROLES).map(([value, words]) => ({ value, ...words })),
    value: person.role,
  });
  openAsk({
    title: `Role of ${name}`,
    yes: "Change role",
    layers,
    toast,
    act: async () => {
      const role = roles.value;
      onChanged(await calls.changePerson(person.id, { role }));
      toast.show(`${name} is ${role === "member" ? "a member" : `an ${role}`} now.`);
    },
  }, roles.node);
}

export function openDeactivation(person, { calls, layers, toast, onChanged }) {
  const name = isolated(nameOf(person));
  openAsk({
    title: `Deactivate ${name}?`,
    yes: "Deactivate",
    isDanger: true,
    layers,
    toast,
    act: async () => {
      onChanged(await calls.changePerson(person.id, { active: false }));
      toast.show(`${name} is deactivated.`);
    },
  }, element("p", {}, `${name} is signed out everywhere within a second and cannot log in. Messages `
    + "stay, and so does the place in every chat. Invitations that they made stop working. You can "
    + "take it back at any time."));
}

/** Undoes a deactivation at once, since nothing is lost. */
export async function reactivate(person, { calls, toast, onChanged }) {
  try {
    onChanged(await calls.changePerson(person.id, { active: true }));
    toast.show(`${isolated(nameOf(person))} may log in again.`);
  } catch (error) {
    if (error.code === undefined) throw error;
    toast.show(refused(error));
  }
}

export function openReset(person, { calls, layers, toast }) {
  const name = isolated(nameOf(person));
  openAsk({
    title: `New password for ${name}`,
    yes: "Create the link",
    layers,
    toast,
    act: async (sheet) => {
      const { url } = await calls.makeReset(person.id);
      sheet.body.replaceChildren(
        element("p", {}, `Hand this link to ${name} in person or over a channel that you trust: `
          + "whoever has it can set the password. It works once, until this time tomorrow."),
        linkBox({ url, label: "Link to set a password" }),
      );
      sheet.body.querySelector("button").focus();
      return true;
    },
  }, element("p", {}, `You get a link by which ${name} sets a new password. A link that was made `
    + "before stops working. Using it signs them out everywhere."));
}

export function openDeletion(person, { calls, layers, toast, onDeleted }) {
  const name = isolated(nameOf(person));
  const messages = element("input", { type: "checkbox" });
  openAsk({
    title: `Delete ${name}?`,
    yes: "Delete for ever",
    isDanger: true,
    layers,
    toast,
    act: async (sheet) => {
      await calls.deletePerson(person.id, { messages: messages.checked });
      sheet.close(); // returns the focus to the row, which passes it on when it goes
      onDeleted(person);
      toast.show(`${name} is deleted.`);
    },
  },
  element("p", {}, `${name} is signed out at once. E-mail address, password, name and status are `
    + "erased. They leave every group; chats that they own pass on to others; direct chats stay with "
    + "the other person. This cannot be undone: to keep the account, deactivate it instead."),
  element(
    "label",
    { class: "choice" },
    messages,
    element("b", {}, "Delete all messages too"),
    element("span", { class: "hint" },
      "Otherwise they stay, under the name of a deleted account. Backups keep what they have."),
  ));
}
