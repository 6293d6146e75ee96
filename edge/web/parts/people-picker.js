/**
 * A combobox that selects people by name prefix, with the chosen ones in front.
 */
import { isComposing } from "./composing.js";
import { arrange, avatar, element, lettersOf } from "./element.js";
import { newId } from "../client/ids.js";
import { hueOf } from "../text/hues.js";
import { askForPeople, peopleCalled } from "../state/named-people.js";
import { shownName } from "../state/names.js";
import { refusalInWords } from "../text/words.js";

const MOST_SHOWN = 20; // also the most that the server returns
const SEARCH_AFTER_MS = 150;

export class PeoplePicker {
  #api;
  #names;
  #isOut;
  #onChange;
  #chips;
  #list;
  #said;
  #found = [];
  #kept = new Map();
  #active = null; // an id; null for the first
  #search;
  #asked = 0;

  /** `isOut(id)` is true for people who cannot be chosen; `onChange(chosen)` on every change. */
  constructor({ api, names, label, isOut, onChange }) {
    this.#api = api;
    this.#names = names;
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
      oninput: () => this.#find(),
      onkeydown: (event) => this.#key(event),
    });
    const box = element("div", { class: "picker-box" }, this.#chips, this.input);
    this.node = element("div", { class: "picker" }, box, this.#list, this.#said);
    this.#drawChips();
  }

  /** What to say about a name that was typed and not chosen; "" if there is none. */
  get unchosen() {
    const name = this.#typed;
    return name && `“${name}” is not chosen. Choose a person from the list, or delete the name.`;
  }

  get #typed() {
    return this.input.value.trim();
  }

  /** Known people are found at once, the others by the server. */
  #find() {
    this.#end(this.#called());
    this.#said.textContent = "";
    if (this.#typed !== "") this.#search = setTimeout(() => this.#ask(), SEARCH_AFTER_MS);
  }

  async #ask() {
    const asked = this.#asked;
    try {
      const users = await askForPeople(this.#typed, { api: this.#api, names: this.#names });
      if (asked !== this.#asked) return; // more was typed, or somebody was chosen
      const called = this.#called();
      this.#show(called);
      if (called.length === 0) this.#said.textContent = "No matches";
      else if (this.#found.length === 0) this.#said.textContent = outInWords(users);
    } catch (error) {
      if (asked === this.#asked) this.#said.textContent = refusalInWords(error);
    }
  }

  #called() {
    return this.#typed === "" ? [] : peopleCalled(this.#typed, this.#names.ids, this.#names);
  }

  /** Ends the search, even if an answer is pending, and shows these people. */
  #end(ids) {
    clearTimeout(this.#search);
    this.#asked += 1;
    this.#active = null;
    this.#show(ids);
  }

  /** Those of these people who can be chosen. */
  #show(ids) {
    const taken = new Set(this.chosen.map((user) => user.id));
    this.#found = ids.filter((id) => !taken.has(id) && !this.#isOut(id)).slice(0, MOST_SHOWN)
      .map((id) => this.#names.known(id));
    const rows = this.#found.map((user) => ({ key: user.id, user }));
    arrange(this.#list, rows, this.#kept, {
      shell: ({ user }) => element("li", {
        role: "option",
        id: this.#idOf(user),
        onpointerdown: (event) => event.preventDefault(), // the focus stays in the input
        onclick: () => this.#choose(user),
      }),
      fill: (node, { user }) => node.replaceChildren(
        avatar(hueOf(user.id), lettersOf(shownName(user)), {
          person: true, size: "s24", picture: user.avatar,
        }),
        ...bothNames(user),
      ),
    });
    this.#mark();
  }

  #idOf(user) {
    return `${this.#list.id}-${user.id}`;
  }

  /** Selects the person whom Enter chooses. */
  #mark() {
    const active = this.#found[this.#at];
    this.input.setAttribute("aria-expanded", String(active !== undefined));
    this.#found.forEach((user, n) => {
      this.#list.children[n].setAttribute("aria-selected", String(user === active));
    });
    if (active) this.input.setAttribute("aria-activedescendant", this.#idOf(active));
    else this.input.removeAttribute("aria-activedescendant");
    this.#list.children[this.#at]?.scrollIntoView({ block: "nearest" });
  }

  get #at() {
    return Math.max(0, this.#found.findIndex(({ id }) => id === this.#active));
  }

  #key(event) {
    if (isComposing(event)) return;
    const count = this.#found.length;
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && count > 0) {
      event.preventDefault();
      this.#active = this.#found[(this.#at + (event.key === "ArrowDown" ? 1 : count - 1)) % count].id;
      this.#mark();
    } else if (event.key === "Enter" && this.#typed !== "") {
      event.preventDefault(); // also while nobody is found: it would send the form
      if (count > 0) this.#choose(this.#found[this.#at]);
    } else if (event.key === "Escape" && count > 0) {
      event.preventDefault();
      this.#end([]);
    } else if (event.key === "Backspace" && this.input.value === "" && this.chosen.length > 0) {
      this.#unchoose(this.chosen.at(-1));
    }
  }

  #choose(user) {
    this.chosen.push(user);
    this.input.value = "";
    this.#end([]);
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
  return length < MOST_SHOWN
    ? "Already in the chat"
    : `The first ${length} are already in the chat. Type more of the name.`;
}

/** The display name, and the user name, which is never cut, if different. */
function bothNames(user) {
  const name = element("span", { class: "cut", dir: "auto" }, shownName(user));
  return shownName(user) === user.username
    ? [name]
    : [name, " ", element("span", { class: "role" }, user.username)];
}
