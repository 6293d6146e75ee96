/**
 * The frame around the parts of the administration: links to them, and to the chats.
 */
import { element } from "../parts/element.js";
import { icon } from "../parts/icons.js";

export class Frame {
  #instance;
  #parts;
  #links;
  #main = element("main", { tabindex: "0" }); // scrollable by keys too
  #open = null;

  /** `parts` are `{name, label, icon, view}`; a view has `node`, `open()` and may have `close()`. */
  constructor({ instance, toast, parts }) {
    this.#instance = instance;
    this.#parts = parts;
    this.#links = parts.map(({ name, label, icon: symbol }) => (
      element("a", { href: `#${name}` }, icon(symbol), label)
    ));
    const brand = element(
      "p",
      { class: "brand" },
      element("span", { class: "mark" }),
      element("span", { class: "cut", dir: "auto" }, instance.name),
    );
    const back = element(
      "a", { class: "leave", href: "/", "aria-label": "Back to the chats" },
      icon("back"), element("span", {}, "Back to the chats"),
    );
    this.node = element(
      "div",
      { class: "admin" },
      element("nav", { "aria-label": "Administration" }, brand, ...this.#links, back),
      this.#main,
      toast.node,
    );
  }

  /** Shows the part in the address, or the first. */
  route() {
    const name = location.hash.slice(1);
    const part = this.#parts.find((one) => one.name === name) ?? this.#parts[0];
    if (part === this.#open) return;
    this.#open?.view.close?.();
    this.#open = part;
    this.#parts.forEach((one, n) => {
      if (one === part) this.#links[n].setAttribute("aria-current", "page");
      else this.#links[n].removeAttribute("aria-current");
    });
    document.title = `${part.label} – ${this.#instance.name}`;
    this.#main.replaceChildren(element("div", { class: "inner" }, part.view.node));
    this.#main.scrollTop = 0;
    this.#links[this.#parts.indexOf(part)].scrollIntoView({ block: "nearest", inline: "nearest" });
    part.view.open();
  }
}
