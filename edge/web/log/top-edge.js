/**
 * The author and time of the message cut off at the top of the log, as a pill.
 */
import { avatar, element, lettersOf } from "../parts/element.js";
import { hueOf } from "../text/hues.js";

export class TopEdge {
  #shown = "";

  constructor() {
    this.node = element("div", { class: "top-edge", hidden: true, "aria-hidden": "true" });
  }

  /** `row` is `{kind, by, name, picture, mine, when}` or null. */
  show(row) {
    const shown = row ? JSON.stringify([row.by, row.name, row.picture, row.when]) : "";
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.node.hidden = row === null;
    if (row === null) return;
    const when = element("span", { class: "soft" }, row.when);
    if (row.kind === "note") this.node.replaceChildren(when);
    else {
      this.node.replaceChildren(
        avatar(hueOf(row.by), lettersOf(row.name), {
          person: true, size: "s20", picture: row.picture,
        }),
        element("b", { class: "cut" }, row.mine ? "You" : row.name),
        when,
      );
    }
  }
}
