/**
 * The only question to the first owner: the name of the team.
 */
import { Field, TEAM_NAME_RULES, allGood } from "../parts/field.js";

/** For `EntryPage.show`; `onDone()` once the instance has its name. */
export function teamForm({ api, instance, onDone }) {
  const name = new Field({
    label: "Name of the team", name: "organization", autocomplete: "organization",
    hint: "For example: Garden club",
  });
  return {
    title: "Name your team",
    lead: "Everybody sees this name above their chats. You can change it at any time.",
    fields: [name],
    go: "Go on",
    other: null,
    submit: async () => {
      if (!allGood([[name, TEAM_NAME_RULES]])) return;
      try {
        const body = { name: name.value.trim() };
        instance.learn((await api.call("PATCH", "/api/admin/instance", { body })).instance);
      } catch (error) {
        const detail = error.errors?.find(({ field }) => field === "name")?.detail;
        if (!detail) throw error;
        name.fail(detail);
        return;
      }
      onDone();
    },
  };
}
