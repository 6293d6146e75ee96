/**
 * Completion in a text field: people after `@`, chats after `#`, emoji after `:`, commands after
 * `/`. A list above the field, in which Tab or Enter takes the selected item.
 */
import { element } from "../parts/element.js";
import { insertInto } from "../parts/insertion.js";

const WORD = /(?:^|[\s(])([@#:])([\p{L}\p{N}_.+-]{0,32})$|^(\/)([a-z]{0,32})$/u;
const REST = /^(?:[.+-]*[\p{L}\p{N}_])*/u; // the end of a word with the caret in its middle
const FROM = { ":": 2, "#": 1 }; // letters typed before the list appears

export class Completion {
  #field;
  #find;
  #options = [];
  #active = 0;
  #asked = 0;
  #start = 0; // where the word to be replaced begins
  #caret = 0; // where it ends, unless the caret moves
  #behind = ""; // the letters that followed the mark when it was typed

  /**
   * `find(mark, word)` returns `[{text, nodes, fits(word)}]` or a promise: what is inserted and
   * shown; without `fits` an item stays until the answer to the next word.
   */
  constructor({ field, find }) {
    this.#field = field;
    this.#find = find;
    this.node = element("ul", {
      class: "menu completion", role: "listbox", id: "completion", "aria-label": "Suggestions",
      hidden: true,
    });
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-controls", "completion");
    field.addEventListener("blur", () => this.close());
    for (const type of ["keyup", "pointerup"]) field.addEventListener(type, () => this.#moved());
  }

  get isOpen() {
    return !this.node.hidden;
  }

  /** The text or the caret has changed. */
  async update() {
    this.#asked += 1;
    const asked = this.#asked;
    const { value, selectionStart, selectionEnd } = this.#field;
    this.#caret = selectionStart;
    const match = selectionStart === selectionEnd && WORD.exec(value.slice(0, selectionStart));
    const [mark, word] = match ? match.slice(1).filter((part) => part !== undefined) : [];
    if (word === "") this.#behind = this.#rest;
    if (!match || word.length < (FROM[mark] ?? 0)) {
      this.close();
      return;
    }
    if (this.isOpen) this.#show(this.#options.filter(({ fits }) => fits?.(word) ?? true));
    const options = await this.#find(mark, word);
    if (asked !== this.#asked) return; // outdated by newer input
    this.#start = selectionStart - word.length - 1;
    this.#show(options);
  }

  /** True when the key was for this list. */
  key(event) {
    if (!this.isOpen) return false;
    const count = this.#options.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      this.#active = (this.#active + (event.key === "ArrowDown" ? 1 : count - 1)) % count;
      this.#mark();
    } else if (event.key === "Tab" || event.key === "Enter") this.#take(this.#active);
    else if (event.key === "Escape") this.close();
    else return false;
    event.preventDefault();
    return true;
  }

  close() {
    this.#asked += 1;
    this.node.hidden = true;
    this.#field.removeAttribute("aria-activedescendant");
  }

  /** The letters that follow the caret. */
  get #rest() {
    return REST.exec(this.#field.value.slice(this.#caret))[0];
  }

  /** Ends completion when the caret leaves the word, even if an answer is pending. */
  #moved() {
    if (this.#field.selectionEnd !== this.#caret) this.close();
  }

  #show(options) {
    this.#options = options;
    this.#active = 0;
    this.node.hidden = options.length === 0;
    this.node.replaceChildren(...options.map(({ nodes }, n) => element(
      "li",
      {
        class: "option", role: "option", id: `completion-${n}`,
        onpointerdown: (event) => event.preventDefault(), // keeps the focus in the field
        onclick: () => this.#take(n),
      },
      ...nodes,
    )));
    if (options.length > 0) this.#mark();
    else this.#field.removeAttribute("aria-activedescendant");
  }

  #mark() {
    [...this.node.children].forEach((option, n) => {
      option.setAttribute("aria-selected", String(n === this.#active));
    });
    this.#field.setAttribute("aria-activedescendant", `completion-${this.#active}`);
    this.node.children[this.#active].scrollIntoView({ block: "nearest" });
  }

  #take(n) {
    const { text } = this.#options[n];
    const rest = this.#rest;
    const isOther = rest !== "" && rest === this.#behind; // a word before which the mark was typed
    const after = this.#caret + rest.length;
    const end = isOther ? this.#caret : after + (this.#field.value[after] === " " ? 1 : 0);
    this.close();
    insertInto(this.#field, `${text} `, this.#start, end);
  }
}
