/**
 * One group of the finder's results: a heading, and a row for each chat, person or message.
 */
import { arrange, avatar, element, lettersOf } from "../parts/element.js";
import { marked, partsOfMessage } from "./found-message.js";
import { hueOf } from "../text/hues.js";

export class FoundGroup {
  #list = element("div", { role: "presentation" });
  #kept = new Map();

  constructor(name) {
    this.name = name;
    this.node = element(
      "div", { role: "group", "aria-label": name, hidden: true },
      element("h3", { "aria-hidden": "true" }, name), this.#list,
    );
  }

  /** Each row has a `key`; `take(key)` is called when it is pressed. */
  render(rows, take) {
    this.node.hidden = rows.length === 0;
    arrange(this.#list, rows, this.#kept, {
      shell: ({ key, isMessage }) => element("div", {
        class: isMessage ? "hit message" : "hit",
        role: "option",
        id: idOf(key),
        "data-key": key,
        onpointerdown: (event) => event.preventDefault(), // keeps the focus in the field
        onclick: () => take(key),
      }),
      fill: (node, row) => node.replaceChildren(
        ...(row.isMessage ? partsOfMessage(row) : partsOf(row)).filter((part) => part !== null),
      ),
    });
  }
}

/** The id of a row's node. */
export function idOf(key) {
  return `hit-${key}`;
}

function partsOf({ face, title, parts, isPerson, what, unread, state, picture }) {
  const shown = marked(parts);
  return [
    avatar(hueOf(face), lettersOf(title), { person: isPerson, size: "s28", state, picture }),
    element("span", { class: "cut" },
      element("bdi", {}, ...(unread > 0 ? [element("b", {}, ...shown)] : shown)),
      " ", element("span", { class: "soft" }, what)),
    unread > 0
      ? element("span", { class: isPerson ? "badge mention" : "badge" }, String(unread))
      : null,
  ];
}
