/**
 * One of many, with its label.
 */
import { element } from "../parts/element.js";
import { newId } from "../client/ids.js";

export class Select {
  #select;

  /** `options` are `{value, label}`. */
  constructor({ label, options }) {
    const id = `select-${newId()}`;
    this.#select = element("select", { class: "input", id });
    this.options = options;
    this.node = element(
      "div", { class: "field" }, element("label", { for: id }, label), this.#select,
    );
  }

  get value() {
    return this.#select.value;
  }

  /** Keeps the selection if it still exists. */
  set options(options) {
    const { value } = this.#select;
    this.#select.replaceChildren(
      ...options.map((option) => element("option", { value: option.value }, option.label)),
    );
    if (options.some((option) => option.value === value)) this.#select.value = value;
  }
}
