/**
 * Deleting one's own account: the consequences, the password, and a final confirmation.
 */
import { element } from "../parts/element.js";
import { Field } from "../parts/field.js";
import { icon } from "../parts/icons.js";
import { newId } from "../client/ids.js";
import { submitting, tell } from "../parts/submitting.js";
import { refusalInWords } from "../text/words.js";

const WHAT_GOES = "You are signed out everywhere. E-mail address, password, name and status are "
  + "erased, and you leave every group; chats that you own pass on to others. This cannot be undone.";

/** `onLeaving(promise)` while it is being deleted; `onDeleted()` once the account is deleted. */
export function deletingAccount({ api, toast, onLeaving, onDeleted }) {
  const place = element("div", { class: "asking" });
  const first = element(
    "button", { type: "button", class: "quiet danger", onclick: () => ask() },
    icon("trash"), "Delete account",
  );
  const ask = () => {
    const form = deletionForm({ api, toast, onLeaving, onDeleted, onKeep: () => keep() });
    place.replaceChildren(form);
    form.querySelector("input").focus();
  };
  const keep = () => {
    place.replaceChildren(first);
    first.focus();
  };
  place.append(first);
  return place;
}

function deletionForm({ api, toast, onLeaving, onDeleted, onKeep }) {
  const key = newId(); // the same request, however often it is sent
  const password = new Field({
    label: "Your password", type: "password", autocomplete: "current-password",
    hint: "Leave this empty if you have none.",
  });
  const messages = element("input", { type: "checkbox" });
  const error = element("p", { class: "error", role: "alert" });
  const go = element("button", { class: "small danger" }, "Delete for ever");
  return element(
    "form",
    {
      novalidate: true,
      onsubmit: submitting(
        go,
        async () => {
          error.textContent = "";
          const path = `/api/user/me/delete${messages.checked ? "?messages=true" : ""}`;
          await onLeaving(api.call("POST", path, {
            body: { currentPassword: password.value || undefined }, key,
          }));
          await onDeleted();
        },
        (failure) => {
          if (failure.code !== "invalid_credentials") tell(error, inWords(failure), toast);
          else if (go.isConnected) {
            password.fail("This is not your password.");
            password.input.focus();
          } else toast.show("This is not your password.");
        },
      ),
    },
    element("p", { class: "hint" }, WHAT_GOES),
    password.node,
    element("label", { class: "choice" }, messages, element("b", {}, "Delete all my messages too")),
    error,
    element(
      "div",
      { class: "line-of" },
      go,
      element("button", { type: "button", class: "small quiet", onclick: onKeep }, "Keep it"),
    ),
  );
}

function inWords(error) {
  if (error.code !== "last_owner") return refusalInWords(error);
  return "You are the last owner of this instance. Make somebody else an owner first.";
}
