/**
 * What one can do with a message: a bar of buttons that stands on the line under the pointer or
 * with the focus, one for the whole log, and on a touch screen what a long press opens.
 */
import { element } from "./element.js";
import { icon } from "./icons.js";

const LONG_PRESS_MS = 450;
const MOVED_PX = 10;

export class Tools {
  #log;
  #rowOf;
  #choices;
  #open;
  #bar = element("div", { class: "tools", role: "toolbar", "aria-label": "Message" });
  #line = null; // where the bar stands, or will as soon as the line can do something
  #press = null;

  /**
   * `log` is where the lines are; `rowOf(node)` gives the row of a node; `choices(row)` gives
   * `[{icon, label, take(), isQuick, danger}]`; `open(row, choices, anchor)` shows all of them.
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
    log.addEventListener("pointerdown", (event) => this.#pressed(event));
    for (const type of ["pointerup", "pointercancel", "scroll"]) {
      log.addEventListener(type, () => this.#released(), { passive: true });
    }
    log.addEventListener("pointermove", (event) => this.#moved(event), { passive: true });
    log.addEventListener("contextmenu", (event) => {
      if (event.pointerType === "touch") event.preventDefault(); // the long press has its own
    });
    log.addEventListener("keydown", (event) => this.#key(event));
    log.addEventListener("click", (event) => this.#altClicked(event), { capture: true });
    // A line that is drawn anew loses the bar, one that was stored just now may have one.
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
      button("more", "More", (anchor) => this.#open(row, this.#choices(row), anchor)),
    );
    line.append(this.#bar);
  }

  #stay() {
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

  #pressed({ target, pointerType, clientX, clientY }) {
    const line = target.closest(".line");
    const row = line && this.#rowOf(line);
    if (pointerType !== "touch" || !row || row.seq === undefined) return;
    this.#released();
    const timer = setTimeout(() => {
      this.#press = null;
      this.#open(row, this.#choices(row), line);
    }, LONG_PRESS_MS);
    this.#press = { timer, clientX, clientY };
  }

  #moved({ clientX, clientY }) {
    if (!this.#press) return;
    const far = Math.hypot(clientX - this.#press.clientX, clientY - this.#press.clientY);
    if (far > MOVED_PX) this.#released();
  }

  #released() {
    clearTimeout(this.#press?.timer);
    this.#press = null;
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
