/**
 * The first minute: sign up with as little as possible, or log in.
 */
import { avatar, element, lettersOf } from "./element.js";
import { EMAIL_RULES, Field, NAME_RULES, PASSWORD_RULES, allGood } from "./field.js";
import { newId } from "./ids.js";
import { refusalInWords } from "./words.js";

const NO_PASSWORD = "You can leave this empty and set one later. Until then only this browser can "
  + "open your account.";

export class EntryForm {
  #session;
  #onEntered;
  #key = newId();
  #sent = "";
  #first;
  #place;

  /** `onEntered(user)` when somebody is signed in; `notice` is said above the form. */
  constructor({ session, onEntered, notice }) {
    this.#session = session;
    this.#onEntered = onEntered;
    this.#place = element("main", {});
    this.node = element("div", { class: "entry" }, this.#place, element("aside", {}, sample()));
    this.#show(notice ? this.#logIn() : this.#signUp(), notice);
  }

  #show({ title, lead, fields, go, submit, other }, notice) {
    const error = element("p", { class: "error", role: "alert" });
    const button = element("button", { class: "strong" }, go);
    const form = element(
      "form",
      {
        novalidate: true,
        onsubmit: (event) => {
          event.preventDefault();
          this.#submit(submit, button, error);
        },
      },
      ...fields.map((field) => field.node),
      error,
      button,
    );
    this.#place.replaceChildren(
      element("div", { class: "brand" }, element("span", { class: "mark" }), "Hubbub"),
      element("h1", {}, title),
      element("p", { class: "lead" }, notice || lead),
      form,
      other,
    );
    this.#first = fields[0].input;
    this.focus();
  }

  focus() {
    this.#first.focus();
  }

  #signUp() {
    const username = new Field({
      label: "Name", hint: "People find you by this name. 3 to 32 letters and digits.",
      name: "username", autocomplete: "username", autocapitalize: "none", spellcheck: "false",
    });
    const email = new Field({
      label: "E-mail", type: "email", name: "email", autocomplete: "email",
      hint: "Only you see it.",
    });
    const password = new Field({
      label: "Password", type: "password", name: "password", autocomplete: "new-password",
      hint: NO_PASSWORD,
    });
    return {
      title: "Join the conversation",
      lead: "Choose a name and start talking.",
      fields: [username, email, password],
      go: "Sign up",
      other: this.#link("Already have an account? Log in", () => this.#logIn()),
      submit: async () => {
        const rules = [[username, NAME_RULES], [email, EMAIL_RULES], [password, PASSWORD_RULES]];
        if (!allGood(rules)) return;
        const wanted = {
          username: username.value, email: email.value, password: password.value,
        };
        // The same wish sent twice is one account; another wish is another request.
        if (JSON.stringify(wanted) !== this.#sent) this.#key = newId();
        this.#sent = JSON.stringify(wanted);
        try {
          this.#onEntered(await this.#session.signUp(wanted, this.#key));
        } catch (error) {
          if (error.code === "username_taken") refuse(username, error);
          else if (error.code === "email_taken") refuse(email, error);
          else placeErrors(error, { username, email, password });
        }
      },
    };
  }

  #logIn() {
    const username = new Field({
      label: "Name", name: "username", autocomplete: "username", autocapitalize: "none",
      spellcheck: "false",
    });
    const password = new Field({
      label: "Password", type: "password", name: "password", autocomplete: "current-password",
    });
    return {
      title: "Welcome back",
      lead: "Log in with your name and password.",
      fields: [username, password],
      go: "Log in",
      other: this.#link("New here? Sign up", () => this.#signUp()),
      submit: async () => {
        const rules = [
          [username, [[(text) => text === "", "Enter your name."]]],
          [password, [[(text) => text === "", "Enter your password."]]],
        ];
        if (!allGood(rules)) return;
        const who = { username: username.value, password: password.value };
        try {
          this.#onEntered(await this.#session.logIn(who));
        } catch (error) {
          if (error.code === "invalid_credentials") refuse(password, error);
          else throw error;
        }
      },
    };
  }

  async #submit(submit, button, error) {
    error.textContent = "";
    button.disabled = true;
    try {
      await submit();
    } catch (failure) {
      if (failure.code === undefined) throw failure;
      error.textContent = refusalInWords(failure);
    } finally {
      button.disabled = false;
    }
  }

  #link(text, make) {
    const show = () => this.#show(make());
    return element("button", { class: "link", type: "button", onclick: show }, text);
  }
}

function refuse(field, error) {
  field.fail(refusalInWords(error));
  field.input.focus();
}

/** Puts the server's sentences beside the fields that they are about; raises what names none. */
function placeErrors(error, fields) {
  const named = (error.fields ?? []).filter(({ field }) => field in fields);
  if (named.length === 0) throw error;
  for (const { field, detail } of named) fields[field].fail(detail);
}

/** What a conversation looks like, for somebody who has not seen one yet. */
function sample() {
  const said = [
    ["Cleo", "10:12", 285, "The garden is ours from noon. Who brings the lanterns?"],
    ["Bob", "10:14", 165, "I do, and the speakers."],
  ];
  return element(
    "div",
    { class: "preview-card", "aria-hidden": "true" },
    ...said.map(([name, time, hue, text]) => element(
      "div",
      { class: "line first" },
      avatar(hue, lettersOf(name), { person: true }),
      element(
        "div",
        { class: "said" },
        element("p", { class: "by" }, element("strong", {}, name), element("time", {}, time)),
        element("div", { class: "text" }, element("p", {}, text)),
      ),
    )),
  );
}
