/**
 * A combobox that selects people by name prefix, with the chosen ones in front.
 */
import { isComposing } from "./composing.js";
import { avatar, element, lettersOf } from "./element.js";
import { newId } from "./client/ids.js";
import { hueOf } from "./hues.js";
import { shownName } from "./names.js";
import { refusalInWords } from "./words.js";

const MOST_GIVEN = 20; // by the server, of those whose name begins so
const SEARCH_AFTER_MS = 150;

export class PeoplePicker {
  #api;
  #isOut;
  #onChange;
  #chips;
  #list;
  #said;
  #found = [];
  #active = -1;
  #search;
  #asked = 0;

  /** `isOut(id)` is true for people who cannot be chosen; `onChange(chosen)` on every change. */
  constructor({ api, label, isOut, onChange }) {
    this.#api = api;
    this.#isOut = isOut;
    this.#onChange = onChange;
    this.chosen = [];
    const id = newId();
    this.#chips = element("span", { class: "chips" });
    this.#list = element("ul", {
      class: "found", role: "listbox", id, "aria-label": "People found",
    });
    this.#said = element("p", { class: "hint", "aria-live": "polite" });
    this.input = element("input", {
      class: "input",
      role: "combobox",
      "aria-label": label,
      "aria-controls": id,
      "aria-expanded": "false",
      "aria-autocomplete": "list",
      autocomplete: "off",
      autocapitalize: "none",
      spellcheck: "false",
      oninput: () => this.#typed(),
      onkeydown: (event) => this.#key(event),
    });
    const box = element("div", { class: "picker-box" }, this.#chips, this.input);
    this.node = element("div", { class: "picker" }, box, this.#list, this.#said);
    this.#drawChips();
  }

  clear() {
    this.chosen = [];
    this.input.value = "";
    this.#close();
    this.#drawChips();
  }

  #typed() {
    clearTimeout(this.#search);
    this.#search = setTimeout(() => this.#ask(), SEARCH_AFTER_MS);
  }

  async #ask() {
    const start = this.input.value.trim();
    this.#asked += 1;
    const asked = this.#asked;
    this.#said.textContent = "";
    if (start === "") {
      this.#show([]);
      return;
    }
    try {
      const users = await this.#api.usersNamed(start);
      if (asked !== this.#asked) return; // a later search is in progress, or somebody was chosen
      const taken = new Set(this.chosen.map((user) => user.id));
      this.#show(users.filter((user) => !taken.has(user.id) && !this.#isOut(user.id)));
      if (users.length === 0) this.#said.textContent = "No matches";
      else if (this.#found.length === 0) this.#said.textContent = outInWords(users);
    } catch (error) {
      if (asked === this.#asked) this.#said.textContent = refusalInWords(error);
    }
  }

  /** Ends the search, even if an answer is pending. */
  #close() {
    clearTimeout(this.#search);
    this.#asked += 1;
    this.#show([]);
  }

  #show(users) {
    this.#found = users;
    this.#active = users.length > 0 ? 0 : -1;
    this.#list.replaceChildren(...users.map((user, n) => element(
      "li",
      {
        role: "option",
        id: `${this.#list.id}-${n}`,
        onpointerdown: (event) => {
          event.preventDefault(); // the focus stays in the input
          this.#choose(user);
        },
      },
      avatar(hueOf(user.id), lettersOf(shownName(user)), {
        person: true, size: "s24", picture: user.avatar,
      }),
      ...bothNames(user),
    )));
    this.#mark();
  }

  #mark() {
    this.input.setAttribute("aria-expanded", String(this.#found.length > 0));
    [...this.#list.children].forEach((option, n) => {
      option.setAttribute("aria-selected", String(n === this.#active));
    });
    if (this.#active < 0) this.input.removeAttribute("aria-activedescendant");
    else this.input.setAttribute("aria-activedescendant", `${this.#list.id}-${this.#active}`);
    this.#list.children[this.#active]?.scrollIntoView({ block: "nearest" });
  }

  #key(event) {
    if (isComposing(event)) return;
    const count = this.#found.length;
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && count > 0) {
      event.preventDefault();
      this.#active = (this.#active + (event.key === "ArrowDown" ? 1 : count - 1)) % count;
      this.#mark();
    } else if (event.key === "Enter" && count > 0) {
      event.preventDefault();
      this.#choose(this.#found[this.#active]);
    } else if (event.key === "Escape" && count > 0) {
      event.preventDefault();
      this.#close();
    } else if (event.key === "Backspace" && this.input.value === "" && this.chosen.length > 0) {
      this.#unchoose(this.chosen.at(-1));
    }
  }

  #choose(user) {
    this.chosen.push(user);
    this.input.value = "";
    this.#close();
    this.#changed();
  }

  #unchoose(user) {
    this.chosen = this.chosen.filter((other) => other.id !== user.id);
    this.#changed();
    this.input.focus();
  }

  #changed() {
    this.#said.textContent = "";
    this.#drawChips();
    this.#onChange(this.chosen);
  }

  #drawChips() {
    this.input.placeholder = this.chosen.length > 0 ? "" : "Type a name";
    this.#chips.replaceChildren(...this.chosen.map((user) => element(
      "button",
      {
        class: "chip",
        type: "button",
        "aria-label": `Remove ${shownName(user)}`,
        onclick: () => this.#unchoose(user),
      },
      element("span", { class: "cut", dir: "auto" }, shownName(user)),
      element("span", { "aria-hidden": "true" }, " ×"),
    )));
  }
}

/** There may be more than the server has returned. */
function outInWords({ length }) {
  return length < MOST_GIVEN
    ? "Already in the chat"
    : `The first ${length} are already in the chat. Type more of the name.`;
}

/** The display name, and the user name if different. */
function bothNames(user) {
  const name = shownName(user);
  return name === user.username
    ? [name]
    : [name, " ", element("span", { class: "role" }, user.username)];
}
