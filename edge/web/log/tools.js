/**
 * The actions on a message: one bar of buttons for the whole log, on the line under the pointer or
 * with the focus, and on a touch screen a long-press menu.
 */
import { element } from "../parts/element.js";
import { icon } from "../parts/icons.js";
import { hearLongPress } from "../parts/long-press.js";

export class Tools {
  #log;
  #rowOf;
  #choices;
  #open;
  #bar = element("div", { class: "tools", role: "toolbar", "aria-label": "Message" });
  #line = null; // where the bar is, or will be once the line has actions
  #shown = null; // {line, menu} of the last opened choices

  /**
   * `log` contains the lines; `rowOf(node)` returns the row of a node; `choices(row)` returns
   * `[{icon, label, take(), isQuick, danger}]`; `open(row, choices, anchor)` shows all of them, and
   * returns their layer.
   */
  constructor({ log, rowOf, choices, open }) {
    this.#log = log;
    this.#rowOf = rowOf;
    this.#choices = choices;
    this.#open = open;
    const standOn = ({ target, pointerType }) => {
      if (pointerType !== "touch") this.#standOn(target.closest(".line"));
    };
    log.addEventListener("pointerover", standOn);
    log.addEventListener("focusin", standOn);
    log.addEventListener("pointerleave", () => {
      if (!this.#bar.contains(document.activeElement)) this.#standOn(null);
    });
    hearLongPress(log, ".line", (line) => {
      const row = this.#rowOf(line);
      const isStored = row?.seq !== undefined;
      if (isStored) this.#show(row, line);
      return isStored;
    });
    log.addEventListener("keydown", (event) => this.#key(event));
    log.addEventListener("click", (event) => this.#altClicked(event), { capture: true });
    // A redrawn line loses the bar, and one that was just stored may need it.
    new MutationObserver(() => this.#stay()).observe(log, { childList: true, subtree: true });
    this.#standOn(log.querySelector(".line:hover, .line:focus-within"));
  }

  #standOn(line) {
    this.#line = line;
    const row = line && this.#rowOf(line);
    if (!row || row.seq === undefined) {
      this.#bar.remove();
      return;
    }
    if (this.#bar.parentNode === line) return;
    const choices = this.#choices(row);
    const quick = choices.filter((choice) => choice?.isQuick);
    this.#bar.replaceChildren(
      ...quick.map((choice) => button(choice.icon, choice.label, () => choice.take(this.#bar))),
      button("more", "More", (anchor) => this.#show(row, anchor)),
    );
    line.append(this.#bar);
  }

  async #show(row, anchor) {
    const line = anchor.closest(".line");
    const menu = await this.#open(row, this.#choices(row), anchor);
    this.#shown = !row.isGone && menu ? { line, menu } : null;
  }

  /** A message deleted meanwhile has no actions. */
  #closeGone() {
    if (this.#shown === null || !this.#rowOf(this.#shown.line)?.isGone) return;
    const { line, menu } = this.#shown;
    this.#shown = null;
    const hadFocus = menu.node.contains(document.activeElement);
    menu.close();
    if (hadFocus) line.focus({ preventScroll: true });
  }

  #stay() {
    this.#closeGone();
    if (this.#line?.isConnected && this.#bar.parentNode !== this.#line) this.#standOn(this.#line);
  }

  /** With Alt a click on a message marks it as unread, as elsewhere. */
  #altClicked(event) {
    const line = event.altKey ? event.target.closest(".line") : null;
    const row = line && this.#rowOf(line);
    const choice = row?.seq !== undefined && this.#choices(row).find((one) => one?.isOnAlt);
    if (!choice) return;
    event.preventDefault();
    event.stopPropagation();
    choice.take(line);
  }

  #key(event) {
    const line = event.target.closest?.(".line");
    if (event.key !== "Enter" || event.target !== line) return;
    event.preventDefault();
    this.#standOn(line);
    this.#bar.lastChild?.click();
  }
}

function button(name, label, take) {
  const node = element(
    "button",
    { class: "bare", type: "button", "aria-label": label, title: label, onclick: () => take(node) },
    icon(name),
  );
  return node;
}
