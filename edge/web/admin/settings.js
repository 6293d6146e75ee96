/**
 * The instance's name, and who may sign up.
 */
import { element } from "../parts/element.js";
import { Field, TEAM_NAME_RULES, allGood } from "../parts/field.js";
import { submittingWith } from "../parts/submitting.js";
import { choices } from "./choices.js";
import { refused } from "./refusals.js";

const MODES = [
  { value: "open", label: "Everybody", hint: "Anyone who can open this page may sign up." },
  { value: "invite", label: "By invitation", hint: "An invitation is a link." },
  { value: "closed", label: "Nobody", hint: "No new accounts, not by invitations either." },
];
const FIXED = "HUBBUB_SIGNUP is set on the machine and decides this. Remove it there and restart to "
  + "choose here.";
const OWNERS_ONLY = "Only owners change this.";

export class Settings {
  #calls;
  #instance;
  #isOwner;
  #toast;
  #name;
  #modes;
  #place = element("div", { class: "settings" });

  constructor({ me, calls, instance, toast }) {
    this.#calls = calls;
    this.#toast = toast;
    this.#instance = instance;
    this.#isOwner = me.role === "owner";
    this.node = element(
      "div",
      {},
      element("div", { class: "page-head" }, element("h1", {}, "Settings")),
      this.#place,
    );
  }

  async open() {
    await this.#instance.load();
    this.#render();
  }

  #render() {
    const { name, signup, isSignupFixed } = this.#instance;
    this.#name = new Field({
      label: "Name of the team", value: name, disabled: !this.#isOwner,
      hint: "Everybody sees it above their chats.",
    });
    this.#modes = choices({
      legend: "Who may sign up", options: MODES, value: signup,
      isDisabled: !this.#isOwner || isSignupFixed,
    });
    const why = !this.#isOwner ? OWNERS_ONLY : isSignupFixed ? FIXED : "";
    this.#place.replaceChildren(
      this.#form([this.#name.node], "Save name", () => this.#saveName(), this.#isOwner),
      this.#form(
        [this.#modes.node, element("p", { class: "hint" }, why)],
        "Save sign-up", () => this.#change({ signup: this.#modes.value }, "Sign-up is changed."),
        why === "",
      ),
    );
  }

  /** `save()` returns the text to show afterwards. */
  #form(content, label, save, isAllowed) {
    const said = element("p", { class: "outcome", role: "status" });
    const button = element("button", { disabled: !isAllowed }, label);
    return element(
      "form",
      {
        class: "card",
        novalidate: true,
        onsubmit: submittingWith(said, button, save, refused, this.#toast),
      },
      ...content,
      element("div", { class: "line-of" }, button, said),
    );
  }

  async #saveName() {
    if (!allGood([[this.#name, TEAM_NAME_RULES]])) return "";
    return this.#change({ name: this.#name.value.trim() }, "The name is changed.");
  }

  async #change(changes, words) {
    this.#instance.learn(await this.#calls.changeInstance(changes));
    return words;
  }
}
