/**
 * A labelled input with its hint and its error, which stays until this field is changed.
 */
import { element } from "./element.js";
import { newId } from "../client/ids.js";

export class Field {
  #error;

  constructor({ label, hint, ...attributes }) {
    const id = `field-${newId()}`;
    this.input = element("input", {
      class: "input",
      id,
      "aria-describedby": `${id}-hint ${id}-error`,
      oninput: () => this.fail(""),
      ...attributes,
    });
    this.#error = element("p", { class: "error", id: `${id}-error`, "aria-live": "polite" });
    this.node = element(
      "div",
      { class: "field" },
      element("label", { for: id }, label),
      this.input,
      element("p", { class: "hint", id: `${id}-hint` }, hint ?? ""),
      this.#error,
    );
  }

  get value() {
    return this.input.value;
  }

  /** Shows what is wrong with the value; an empty text removes it. */
  fail(sentence) {
    this.#error.textContent = sentence;
    if (sentence) this.input.setAttribute("aria-invalid", "true");
    else this.input.removeAttribute("aria-invalid");
  }
}

/**
 * What is wrong with a text, or "". A rule is `[broken(text), sentence]`; the first broken one
 * counts.
 */
function firstBroken(text, rules) {
  return rules.find(([broken]) => broken(text))?.[1] ?? "";
}

/** Shows the error of each field and focuses the first invalid one. True if all are valid. */
export function allGood(rulesOfFields) {
  const wrong = rulesOfFields.filter(([field, rules]) => {
    const sentence = firstBroken(field.value, rules);
    field.fail(sentence);
    return sentence !== "";
  });
  wrong[0]?.[0].input.focus();
  return wrong.length === 0;
}

export const NAME_RULES = [
  [(text) => text === "", "Choose a name."],
  [(text) => text.length < 3, "Use 3 characters or more."],
  [(text) => text.length > 32, "Use 32 characters or fewer."],
  [(text) => !/^[A-Za-z0-9_.-]+$/.test(text), "Use letters from a to z, digits and . _ - only."],
  [(text) => /^deleted-.{8}$/iu.test(text), "This name is reserved. Choose another one."],
];

export const DISPLAY_NAME_RULES = [
  [(text) => [...text].length > 64, "Use 64 characters or fewer."],
];

export const STATUS_RULES = [
  [(text) => [...text].length > 140, "Use 140 characters or fewer."],
];

export const EMAIL_RULES = [
  [(text) => text === "", "Enter your e-mail address."],
  [(text) => !/^[^\s@]{1,64}@[^\s@]+\.[^\s@]+$/.test(text), "This e-mail address is not complete."],
  [(text) => text.length > 254, "Use 254 characters or fewer."],
];

export const PASSWORD_RULES = [
  [(text) => text !== "" && [...text.normalize("NFC")].length < 8, "Use 8 characters or more."],
  [(text) => [...text.normalize("NFC")].length > 256, "Use 256 characters or fewer."],
];

export const TOPIC_RULES = [
  [(text) => [...text].length > 250, "Use 250 characters or fewer."],
];

export const NEW_PASSWORD_RULES = [
  [(text) => text === "", "Choose a new password."],
  ...PASSWORD_RULES,
];

export const TEAM_NAME_RULES = [
  [(text) => text.trim() === "", "A team needs a name."],
  [(text) => [...text.trim()].length > 64, "Use 64 characters or fewer."],
];

export const CHAT_NAME_RULES = [
  [(text) => text.trim() === "", "A chat needs a name."],
  [(text) => [...text].length > 128, "Use 128 characters or fewer."],
];
