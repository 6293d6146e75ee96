/**
 * Where one writes. Never waits for anything: a text is handed over and the field is empty again.
 */
import { element } from "./element.js";
import { icon } from "./icons.js";

const MOST_BYTES = 8_192;
const SAY_FROM_BYTES = 7_500;
const TYPING_EVERY_MS = 3_000;
const JUST_TYPED_MS = 2_000;

export class Composer {
  #hear;
  #clock;
  #field;
  #go;
  #said = element("p", { class: "limit", role: "status" });
  #typedAt = -Infinity;
  #changedAt = -Infinity;

  /** `hear` is `{send(text), draft(text), typing()}`. */
  constructor({ hear, clock }) {
    this.#hear = hear;
    this.#clock = clock;
    this.#field = element("textarea", {
      rows: "1",
      autocomplete: "off",
      dir: "auto",
      oninput: () => this.#changed(),
      onkeydown: (event) => this.#key(event),
    });
    this.#go = element(
      "button",
      { class: "strong send", type: "submit", "aria-label": "Send", title: "Send" },
      element("span", {}, "Send"),
      icon("up-arrow"),
    );
    const form = element(
      "form",
      {
        class: "write",
        onsubmit: (event) => {
          event.preventDefault();
          this.#send();
        },
      },
      element("div", { class: "main" }, this.#field, this.#go),
    );
    this.node = element("div", { class: "composer" }, this.#said, form);
  }

  open(title, draft) {
    this.retitle(title);
    this.#set(draft);
  }

  retitle(title) {
    this.#field.setAttribute("aria-label", `Message to ${title}`);
    this.#field.placeholder = `Message to ${title}`;
  }

  /** Another window may have written on; what is being typed here is left alone. */
  keepUp(draft) {
    const isTyping = this.#clock.now() - this.#changedAt < JUST_TYPED_MS;
    if (!isTyping && this.#field.value !== draft) this.#set(draft);
  }

  focus() {
    this.#field.focus({ preventScroll: true });
  }

  get hasFocus() {
    return document.activeElement === this.#field;
  }

  #set(text) {
    this.#field.value = text;
    this.#measure();
    this.#fit();
  }

  #changed() {
    this.#changedAt = this.#clock.now();
    this.#fit();
    this.#measure();
    this.#hear.draft(this.#field.value);
    const now = this.#clock.now();
    if (this.#field.value.trim() === "" || now - this.#typedAt < TYPING_EVERY_MS) return;
    this.#typedAt = now;
    this.#hear.typing();
  }

  #key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    if (matchMedia("(pointer: coarse)").matches) return; // a thumb has the button for sending
    event.preventDefault();
    this.#send();
  }

  #send() {
    const text = this.#field.value;
    if (text.trim() === "" || this.#measure() > MOST_BYTES) return;
    this.#typedAt = -Infinity;
    this.#set("");
    this.#hear.send(text);
    this.focus();
  }

  /** Bytes of the text, and a word about them when there are many. */
  #measure() {
    const text = this.#field.value;
    const bytes = new TextEncoder().encode(text).length;
    const left = MOST_BYTES - bytes;
    this.#go.disabled = text.trim() === "" || left < 0;
    this.#said.classList.toggle("error", left < 0);
    if (bytes < SAY_FROM_BYTES) this.#said.textContent = "";
    else if (left >= 0) this.#said.textContent = `${left} bytes left`;
    else this.#said.textContent = `${-left} bytes too long for one message: shorten or split it`;
    return bytes;
  }

  #fit() {
    if (CSS.supports("field-sizing", "content")) return;
    this.#field.style.height = "auto";
    this.#field.style.height = `${this.#field.scrollHeight}px`;
  }
}
