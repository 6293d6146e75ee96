/**
 * The quick switcher: one field that finds chats by name and people by the beginning of theirs.
 * Tells what was chosen; opens nothing itself.
 */
import { avatar, element, lettersOf } from "./element.js";
import { hueOf } from "./ids.js";
import { otherOf, refusalInWords, titleOf } from "./words.js";

const SEARCH_AFTER_MS = 150;
const MOST_CHATS = 30;

export class Finder {
  #me;
  #api;
  #chats;
  #names;
  #choose;
  #results;
  #said = element("p", { class: "hint said", "aria-live": "polite" });
  #people = [];
  #options = [];
  #active = 0;
  #isOpen = false;
  #search;
  #onToggle;

  /** `choose` is `{chat(chat), person(user)}`; `onToggle(isOpen)` when results cover the list. */
  constructor({ me, api, chats, names, choose, onToggle }) {
    this.#me = me;
    this.#api = api;
    this.#chats = chats;
    this.#names = names;
    this.#choose = choose;
    this.#onToggle = onToggle;
    this.#results = element("ul", {
      class: "chats", role: "listbox", id: "found", "aria-label": "Found",
    });
    this.input = element("input", {
      type: "text",
      role: "combobox",
      "aria-label": "Find a chat or person",
      "aria-controls": "found",
      "aria-expanded": "false",
      "aria-autocomplete": "list",
      placeholder: "Find a chat or person",
      autocomplete: "off",
      autocapitalize: "none",
      spellcheck: "false",
      oninput: () => this.#typed(),
      onkeydown: (event) => this.#key(event),
      onblur: () => this.#toggle(this.#isOpen && this.input.value !== ""),
    });
    this.node = element("div", { class: "find" }, this.input, element("kbd", {}, "Ctrl K"));
    this.results = element("div", { class: "results", hidden: true }, this.#results, this.#said);
  }

  focus() {
    this.input.focus();
    this.input.select();
  }

  close() {
    clearTimeout(this.#search);
    this.input.value = "";
    this.#people = [];
    this.#toggle(false);
  }

  #typed() {
    clearTimeout(this.#search);
    this.#active = 0;
    this.#said.textContent = "";
    if (this.input.value.trim() === "") this.#people = [];
    else this.#search = setTimeout(() => this.#ask(), SEARCH_AFTER_MS);
    this.#toggle(this.input.value !== "");
  }

  async #ask() {
    const start = this.input.value.trim();
    try {
      const users = await this.#api.usersNamed(start);
      if (start !== this.input.value.trim()) return; // a later search is on its way
      this.#people = users.filter((user) => user.id !== this.#me.id);
      this.#draw();
      if (this.#options.length === 0) this.#said.textContent = "No chat or person is called so.";
    } catch (error) {
      this.#said.textContent = refusalInWords(error);
    }
  }

  #toggle(isOpen) {
    this.#isOpen = isOpen;
    this.results.hidden = !isOpen;
    this.input.setAttribute("aria-expanded", String(isOpen));
    this.#onToggle(isOpen);
    if (isOpen) this.#draw();
  }

  #draw() {
    const wanted = this.input.value.trim().toLocaleLowerCase();
    const titled = this.#chats.sorted().map((chat) => ({ chat, title: this.#title(chat) }));
    const fits = titled.filter(({ title }) => title.toLocaleLowerCase().includes(wanted));
    const chats = fits.slice(0, MOST_CHATS).map(({ chat, title }) => ({
      id: this.#face(chat), title, kind: "chat", take: () => this.#choose.chat(chat),
    }));
    const faces = new Set(chats.map((option) => option.id));
    const people = this.#people.filter((user) => !faces.has(user.id)).map((user) => ({
      id: user.id, title: user.username, kind: "person", take: () => this.#choose.person(user),
    }));
    this.#options = [...chats, ...people];
    this.#results.replaceChildren(...this.#options.map((option, n) => this.#option(option, n)));
    this.#mark();
  }

  #face({ id, detail }) {
    return otherOf(detail, this.#me.id, (user) => this.#names.of(user)) ?? id;
  }

  #title(chat) {
    return titleOf(chat.detail, this.#me.id, (id) => this.#names.of(id));
  }

  #option({ id, title, kind }, n) {
    return element(
      "li",
      {
        role: "option",
        id: `found-${n}`,
        onpointerdown: (event) => event.preventDefault(), // the focus stays in the field
        onclick: () => this.#take(n),
      },
      avatar(hueOf(id), lettersOf(title)),
      element("span", { class: "title", dir: "auto" }, title),
      element("span", { class: "time" }, kind),
    );
  }

  #mark() {
    this.#active = Math.min(this.#active, Math.max(0, this.#options.length - 1));
    [...this.#results.children].forEach((node, n) => {
      node.setAttribute("aria-selected", String(n === this.#active));
    });
    const active = this.#results.children[this.#active];
    if (active) this.input.setAttribute("aria-activedescendant", active.id);
    else this.input.removeAttribute("aria-activedescendant");
    active?.scrollIntoView({ block: "nearest" });
  }

  #key(event) {
    if (event.isComposing || event.altKey) return;
    const count = this.#options.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!this.#isOpen) this.#toggle(true);
      else if (count > 0) {
        this.#active = (this.#active + (event.key === "ArrowDown" ? 1 : count - 1)) % count;
        this.#mark();
      }
    } else if (event.key === "Enter" && this.#isOpen) {
      event.preventDefault();
      this.#take(this.#active);
    } else if (event.key === "Escape" && this.#isOpen) {
      event.preventDefault(); // one layer
      this.close();
    }
  }

  #take(n) {
    const option = this.#options[n];
    if (!option) return;
    this.close();
    option.take();
  }
}
