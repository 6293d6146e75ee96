/**
 * The user's settings: name, status, e-mail, password, keyboard shortcuts, logging out.
 */
import { AlertChoice } from "../background/alert-choice.js";
import { alertSettings } from "./alert-settings.js";
import { asking } from "../parts/asking.js";
import { changeForm } from "../parts/change-form.js";
import { deletingAccount } from "./delete-account.js";
import { element } from "../parts/element.js";
import {
  DISPLAY_NAME_RULES, EMAIL_RULES, Field, NEW_PASSWORD_RULES, STATUS_RULES, allGood,
} from "../parts/field.js";
import { icon } from "../parts/icons.js";
import { pictureChoice } from "./picture-choice.js";
import { Push } from "../background/push.js";
import { radioTabs } from "../parts/radio-tabs.js";
import { Sheet } from "../parts/sheet.js";
import { disabledWhile, tell } from "../parts/submitting.js";
import { refusalInWords } from "../text/words.js";

/**
 * `onLogOut()` ends the session; `onLeaving(promise)`, which returns its argument, while the
 * account is being deleted; `onDeleted()` afterwards; `onKeys()` shows the shortcuts;
 * `onChanged(user)` after a change; `list` as in `list-choice.js`.
 */
export function openSettings({
  api, me, layers, toast, list, onChanged, onKeys, onLogOut, onLeaving, onDeleted,
}) {
  const keys = element(
    "button", { type: "button", class: "quiet", onclick: onKeys }, icon("keys"), "Keys",
  );
  const choice = new AlertChoice();
  const worker = navigator.serviceWorker?.getRegistration("/");
  new Sheet(
    { title: me.username, layers },
    pictureChoice({ api, me, toast, onChanged }),
    profileForm(api, me, onChanged, toast),
    listForm(list),
    alertSettings(choice, new Push({ api, choice, worker })),
    emailForm(api, me, onChanged, toast),
    passwordForm(api, me, onChanged, toast),
    element(
      "div", { class: "ends" },
      administration(me), keys, loggingOut(onLogOut, toast),
      deletingAccount({ api, toast, onLeaving, onDeleted }),
    ),
  );
}

/** Saves only what was changed here: the rest may be out of date. */
function profileForm(api, me, onChanged, toast) {
  const filled = { displayName: me.displayName ?? "", status: me.status ?? "" };
  const name = new Field({
    label: "Display name", value: filled.displayName, autocomplete: "name", maxlength: "128",
    hint: `What others see in place of ${me.username}.`,
  });
  const status = new Field({
    label: "What are you doing?", value: filled.status, maxlength: "280",
    hint: "Shown beside your name.",
  });
  return changeForm("Save", [name, status], async () => {
    if (!allGood([[name, DISPLAY_NAME_RULES], [status, STATUS_RULES]])) return "";
    const wanted = { displayName: name.value.trim(), status: status.value.trim() };
    const changed = Object.keys(wanted).filter((key) => wanted[key] !== filled[key]);
    if (changed.length === 0) return "Nothing has changed.";
    const changes = Object.fromEntries(changed.map((key) => [key, wanted[key] || null]));
    onChanged(await api.changeMe(changes));
    Object.assign(filled, wanted);
    return "Others see it now.";
  }, toast);
}

/** The link to the administration. */
function administration({ role }) {
  if (role !== "owner" && role !== "admin") return null;
  return element("a", { class: "button quiet", href: "/admin" }, "Administration");
}

function listForm(list) {
  const density = radioTabs({
    legend: "List of chats", name: "density",
    options: [[false, "Comfortable"], [true, "Compact"]],
    chosen: list.isCompact,
    onChoose: (isCompact) => {
      list.isCompact = isCompact;
    },
  });
  const unread = element("input", {
    type: "checkbox", checked: list.isUnreadFirst,
    onchange: () => {
      list.isUnreadFirst = unread.checked;
    },
  });
  density.append(element("label", { class: "choice" }, unread, element("b", {}, "Unread chats first")));
  return density;
}

function emailForm(api, me, onChanged, toast) {
  const email = new Field({
    label: "E-mail", type: "email", autocomplete: "email", value: me.email,
  });
  return changeForm("Change e-mail", [email], async () => {
    if (!allGood([[email, EMAIL_RULES]])) return "";
    try {
      onChanged(await api.changeMe({ email: email.value }));
    } catch (error) {
      const isOfField = error.code === "email_taken" || error.code === "invalid_request";
      if (!isOfField || !email.node.isConnected) throw error;
      email.fail(error.errors[0]?.detail ?? refusalInWords(error));
      return "";
    }
    return "Your e-mail address is changed.";
  }, toast);
}

function passwordForm(api, me, onChanged, toast) {
  // Password managers need the user name of a password.
  const name = element("input", {
    class: "unseen", name: "username", autocomplete: "username", value: me.username,
    tabindex: "-1", readonly: true, "aria-hidden": "true",
  });
  const now = new Field({
    label: "Current password", type: "password", autocomplete: "current-password",
    hint: "Leave this empty if you have none yet.",
  });
  const next = new Field({
    label: "New password", type: "password", autocomplete: "new-password",
    hint: "8 characters or more. Your other devices will be logged out.",
  });
  const form = changeForm("Set password", [now, next], async () => {
    if (!allGood([[next, NEW_PASSWORD_RULES]])) return "";
    const changes = { password: next.value };
    if (now.value !== "") changes.currentPassword = now.value;
    try {
      onChanged(await api.changeMe(changes));
    } catch (error) {
      if (error.code !== "invalid_credentials") throw error;
      const sentence = "This is not your current password.";
      if (now.node.isConnected) {
        now.fail(sentence);
        now.input.focus();
      } else toast.show(sentence);
      return "";
    }
    now.input.value = "";
    next.input.value = "";
    return "Your password is set.";
  }, toast);
  form.prepend(name);
  return form;
}

/** Logging out may be final, so it needs a confirmation. */
function loggingOut(onLogOut, toast) {
  const error = element("p", { class: "error", role: "alert" });
  const place = asking({
    symbol: "leave", label: "Log out", yes: "Log out", no: "Stay",
    question: "Without a password you cannot get back into this account. Unsent messages and drafts "
      + "in this browser will be deleted.",
    act: async (button) => {
      try {
        await disabledWhile(button, onLogOut);
      } catch (failure) {
        if (failure.code === undefined) throw failure;
        tell(error, refusalInWords(failure), toast);
      }
    },
  });
  return element("div", {}, place, error);
}
