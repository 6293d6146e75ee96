/**
 * The entry form: sign up with as little as possible, log in, or do what a followed link requires.
 */
import { element } from "../parts/element.js";
import { EntryPage } from "./entry-page.js";
import { EMAIL_RULES, Field, NAME_RULES, PASSWORD_RULES, allGood } from "../parts/field.js";
import { newId } from "../client/ids.js";
import { forgetLink } from "./link.js";
import { BROKEN_LINKS, NO_ROOM, noSignUpWords, welcomeWords } from "../text/link-words.js";
import { resetForm } from "./reset-form.js";
import { teamForm } from "./team-form.js";
import { refusalInWords } from "../text/words.js";

const NO_PASSWORD = "You can leave this empty and set one later. Until then only this browser can "
  + "open your account.";
const OWNER_PASSWORD = "8 characters or more. You need it on every other device.";
const OWNER_PASSWORD_RULES = [
  [(text) => text === "", "Choose a password: nobody else could let you in again."],
  ...PASSWORD_RULES,
];

export class EntryForm {
  #session;
  #api;
  #instance;
  #link;
  #onEntered;
  #page;
  #key = newId();
  #sent = "";

  /**
   * `onEntered(user, link)` when the user is signed in, with the link if it still has to be
   * followed; `onReset()` when a password was set; `notice` is shown above the form.
   */
  constructor({ session, api, instance, link, notice, onEntered, onReset }) {
    this.#session = session;
    this.#api = api;
    this.#instance = instance;
    this.#link = link;
    this.#onEntered = onEntered;
    this.#page = new EntryPage({ instance });
    this.node = this.#page.node;
    if (link?.kind === "reset") {
      const onBroken = () => this.#drop("reset");
      this.#page.show(resetForm({ session, code: link.code, onDone: onReset, onBroken }));
    } else if (notice) this.#showLogIn(notice);
    else this.#showFirst();
  }

  focus() {
    this.#page.focus();
  }

  #showFirst(notice, values) {
    if (this.#link || this.#instance.signup === "open") {
      this.#page.show(this.#signUp(notice, values));
    } else this.#showLogIn(notice);
  }

  #showLogIn(notice) {
    this.#page.show(this.#logIn(notice));
  }

  /** Continues without a link that is broken, or leads nowhere. */
  #drop(kind, values, notice = BROKEN_LINKS[kind]) {
    this.#forgetLink();
    if (kind === "reset") this.#showLogIn(notice);
    else this.#showFirst(notice, values);
  }

  #forgetLink() {
    this.#link = null;
    forgetLink();
  }

  #signUp(notice, values = {}) {
    const isOwner = this.#link?.kind === "owner";
    const username = new Field({
      label: "Name", hint: "People find you by this name. 3 to 32 letters and digits.",
      name: "username", autocomplete: "username", autocapitalize: "none", spellcheck: "false",
      value: values.username, onchange: trim,
    });
    const email = new Field({
      label: "E-mail", type: "email", name: "email", autocomplete: "email",
      hint: "Only you, owners and admins see it.", value: values.email,
    });
    const password = new Field({
      label: "Password", type: "password", name: "password", autocomplete: "new-password",
      hint: isOwner ? OWNER_PASSWORD : NO_PASSWORD,
    });
    const [title, lead, go] = welcomeWords(this.#link, this.#instance.name);
    return {
      title,
      lead: notice || lead,
      fields: [username, email, password],
      go,
      other: this.#switch("Already have an account? Log in", () => this.#showLogIn()),
      submit: async () => {
        const passwordRules = isOwner ? OWNER_PASSWORD_RULES : PASSWORD_RULES;
        const rules = [[username, NAME_RULES], [email, EMAIL_RULES], [password, passwordRules]];
        if (!allGood(rules)) return;
        const wanted = {
          username: username.value, email: email.value, password: password.value,
          invite: this.#link?.code,
        };
        try {
          this.#entered(await this.#session.rest.signUp(wanted, this.#keyFor(wanted)));
        } catch (error) {
          if (error.code === "username_taken") refuse(username, error);
          else if (error.code === "email_taken") refuse(email, error);
          else if (error.code === "not_found" && this.#link) this.#drop(this.#link.kind, wanted);
          else if (error.code === "signup_closed") await this.#learnOfClosing();
          else if (isNamed("invite", error)) this.#drop("invite", wanted, NO_ROOM);
          else placeErrors(error, { username, email, password });
        }
      },
    };
  }

  /** The same input sent twice creates one account; different input is a new request. */
  #keyFor(wanted) {
    if (JSON.stringify(wanted) !== this.#sent) this.#key = newId();
    this.#sent = JSON.stringify(wanted);
    return this.#key;
  }

  /** With the owner's link, asks for the name of the team first. */
  #entered(user) {
    if (this.#link?.kind !== "owner") {
      this.#onEntered(user, this.#link && { ...this.#link, hasJoined: true });
      return;
    }
    this.#forgetLink();
    this.#page.show(teamForm({
      api: this.#api, instance: this.#instance, onDone: () => this.#onEntered(user, null),
    }));
  }

  async #learnOfClosing() {
    await this.#instance.load();
    this.#forgetLink();
    this.#showLogIn("Nobody can sign up here at the moment.");
  }

  #logIn(notice) {
    const username = new Field({
      label: "Name", name: "username", autocomplete: "username", autocapitalize: "none",
      spellcheck: "false", onchange: trim,
    });
    const password = new Field({
      label: "Password", type: "password", name: "password", autocomplete: "current-password",
    });
    const { name, signup } = this.#instance;
    return {
      title: "Welcome back",
      lead: notice || "Log in with your name and password.",
      fields: [username, password],
      go: "Log in",
      other: this.#link || signup === "open"
        ? this.#switch("New here? Sign up", () => this.#showFirst())
        : element("p", { class: "hint below" }, noSignUpWords(signup, name)),
      submit: async () => {
        const rules = [
          [username, [[(text) => text === "", "Enter your name."]]],
          [password, [[(text) => text === "", "Enter your password."]]],
        ];
        if (!allGood(rules)) return;
        const who = { username: username.value, password: password.value };
        try {
          this.#onEntered(await this.#session.rest.logIn(who), this.#link);
        } catch (error) {
          if (error.code === "invalid_credentials") refuse(password, error);
          else throw error;
        }
      },
    };
  }

  #switch(text, show) {
    return element("button", { class: "link", type: "button", onclick: show }, text);
  }
}

/** Phones add a space after a name that they complete. */
function trim({ target }) {
  target.value = target.value.trim();
}

function refuse(field, error) {
  field.fail(refusalInWords(error));
  field.input.focus();
}

function isNamed(name, error) {
  return error.errors?.some(({ field }) => field === name) ?? false;
}

/** Shows the server's messages at the fields concerned; raises errors without a field. */
function placeErrors(error, fields) {
  const named = (error.errors ?? []).filter(({ field }) => field in fields);
  if (named.length === 0) throw error;
  for (const { field, detail } of named) fields[field].fail(detail);
}
