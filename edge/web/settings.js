/**
 * The sheet about oneself: e-mail, password, the keys, logging out.
 */
import { element } from "./element.js";
import { EMAIL_RULES, Field, PASSWORD_RULES, allGood } from "./field.js";
import { Sheet } from "./sheet.js";
import { refusalInWords } from "./words.js";

const NEW_PASSWORD_RULES = [
  [(text) => text === "", "Write the new password."],
  ...PASSWORD_RULES,
];

/** `onLogOut()` ends the session; `onKeys()` shows the keys; `onChanged(user)` after a change. */
export function openSettings({ api, me, onChanged, onKeys, onLogOut }) {
  const sheet = new Sheet(
    { title: me.username },
    emailForm(api, me, onChanged),
    passwordForm(api, me, onChanged),
    ends({ onKeys: () => {
      sheet.close();
      onKeys();
    }, onLogOut }),
  );
}

function emailForm(api, me, onChanged) {
  const email = new Field({
    label: "E-mail", type: "email", autocomplete: "email", value: me.email,
  });
  return changeForm("Change", [email], async () => {
    if (!allGood([[email, EMAIL_RULES]])) return "";
    try {
      onChanged(await api.changeMe({ email: email.value }));
    } catch (error) {
      if (error.code !== "email_taken" && error.code !== "invalid_request") throw error;
      email.fail(error.fields[0]?.detail ?? refusalInWords(error));
      return "";
    }
    return "The e-mail address is changed.";
  });
}

function passwordForm(api, me, onChanged) {
  // Password managers want to know whose password it is.
  const name = element("input", {
    class: "unseen", name: "username", autocomplete: "username", value: me.username,
    tabindex: "-1", readonly: true, "aria-hidden": "true",
  });
  const now = new Field({
    label: "Password until now", type: "password", autocomplete: "current-password",
    hint: "Leave it empty if you have none.",
  });
  const next = new Field({
    label: "New password", type: "password", autocomplete: "new-password",
    hint: "At least 8 characters. Other browsers are logged out.",
  });
  const form = changeForm("Set the password", [now, next], async () => {
    if (!allGood([[next, NEW_PASSWORD_RULES]])) return "";
    const changes = { password: next.value };
    if (now.value !== "") changes.currentPassword = now.value;
    try {
      onChanged(await api.changeMe(changes));
    } catch (error) {
      if (error.code !== "invalid_credentials") throw error;
      now.fail("This is not your password until now.");
      now.input.focus();
      return "";
    }
    now.input.value = "";
    next.input.value = "";
    return "The password is set.";
  });
  form.prepend(name);
  return form;
}

/** A form that says in a sentence what became of it; `submit` gives that sentence or "". */
function changeForm(go, fields, submit) {
  const said = element("p", { class: "said", role: "status" });
  const button = element("button", {}, go);
  return element(
    "form",
    {
      novalidate: true,
      onsubmit: async (event) => {
        event.preventDefault();
        button.disabled = true;
        said.classList.remove("error");
        try {
          said.textContent = await submit();
        } catch (error) {
          if (error.code === undefined) throw error;
          said.classList.add("error");
          said.textContent = refusalInWords(error);
        } finally {
          button.disabled = false;
        }
      },
    },
    ...fields.map((field) => field.node),
    element("div", { class: "row" }, button, said),
  );
}

function ends({ onKeys, onLogOut }) {
  const said = element("p", { class: "error", role: "alert" });
  const out = element("button", { class: "danger", type: "button" }, "Log out");
  out.addEventListener("click", async () => {
    out.disabled = true;
    try {
      await onLogOut();
    } catch (error) {
      if (error.code === undefined) throw error;
      said.textContent = refusalInWords(error);
    } finally {
      out.disabled = false;
    }
  });
  return element(
    "div",
    { class: "ends" },
    element("button", { type: "button", onclick: onKeys }, "Keys"),
    out,
    element("p", { class: "hint" },
      "Whoever never set a password cannot come back after logging out. Unsent messages and "
      + "drafts in this browser are deleted."),
    said,
  );
}
