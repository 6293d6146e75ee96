/**
 * Sets a new password for a user who followed a reset link.
 */
import { Field, NEW_PASSWORD_RULES, allGood } from "../parts/field.js";

/** For `EntryPage.show`; `onDone()` once it is set, `onBroken()` if the link does not work. */
export function resetForm({ session, code, onDone, onBroken }) {
  const password = new Field({
    label: "New password", type: "password", name: "password", autocomplete: "new-password",
    hint: "8 characters or more. You are signed out everywhere.",
  });
  return {
    title: "Choose a new password",
    lead: "This link was made for you. It works once.",
    fields: [password],
    go: "Set password",
    other: null,
    submit: async () => {
      if (!allGood([[password, NEW_PASSWORD_RULES]])) return;
      try {
        await session.resetPassword({ code, password: password.value });
      } catch (error) {
        const detail = error.errors?.find(({ field }) => field === "password")?.detail;
        if (error.code === "not_found") onBroken();
        else if (detail) password.fail(detail);
        else throw error;
        return;
      }
      onDone();
    },
  };
}
