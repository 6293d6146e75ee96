/**
 * The panel about a chat, on its right: its people and its settings.
 */
import { ChatSettings } from "./chat-settings.js";
import { element } from "../parts/element.js";
import { icon } from "../parts/icons.js";
import { ChatPeople } from "./chat-people.js";

export class Panel {
  #chat = null;
  #parts;
  #people = null;
  #settings = null;
  #heading = element("h2", { class: "cut", dir: "auto" });
  #tabs;
  #body = element("div", { class: "panel-body" });
  #tab = "people";
  #layers;
  #isLayer = false;
  #onChanged;
  #close = () => this.close();

  /** `does` is `{write(userId)}`; `onChanged(isOpen, hadFocus)` when it opens and closes. */
  constructor({ me, api, chats, names, presence, layers, toast, does, onChanged }) {
    this.#parts = { me, api, chats, names, presence, layers, toast, does };
    this.#layers = layers;
    this.#onChanged = onChanged;
    this.#tabs = ["people", "settings"].map((name) => element(
      "button",
      {
        type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "about-body",
        onclick: () => this.#show(name),
      },
      name === "people" ? "People" : "Settings",
    ));
    this.#body.id = "about-body";
    this.#body.setAttribute("role", "tabpanel");
    const close = (label, symbol, kind) => element(
      "button",
      { class: `bare ${kind}`, type: "button", "aria-label": label, onclick: this.#close },
      icon(symbol),
    );
    this.node = element(
      "section",
      {
        class: "panel",
        "aria-label": "About this chat",
        hidden: true,
        onkeydown: (event) => {
          if (event.key !== "Escape" || event.defaultPrevented) return;
          event.preventDefault(); // one layer
          this.close();
        },
      },
      element("header", {}, close("Back to the chat", "back", "back"), this.#heading,
        close("Close", "close", "by-keys")),
      element("div", { class: "tabs", role: "tablist", onkeydown: (event) => this.#walk(event) },
        ...this.#tabs),
      this.#body,
    );
  }

  get isOpen() {
    return !this.node.hidden;
  }

  focus() {
    this.#tabs.find((tab) => tab.id === `tab-${this.#tab}`).focus();
  }

  /** Opens it for a chat with this title; `isAdding` starts with adding people. */
  open(chat, title, { isAdding = false } = {}) {
    this.#heading.textContent = title;
    this.#chat = chat;
    this.#people = new ChatPeople({ chat, ...this.#parts });
    this.#settings = new ChatSettings({ chat, ...this.#parts });
    if (!this.isOpen) {
      this.node.hidden = false;
      // If it covers the chat, going back returns to the chat.
      this.#isLayer = matchMedia("(max-width: 719.98px)").matches;
      if (this.#isLayer) this.#layers.opened(this.#close);
      this.#onChanged(true, false);
    }
    this.#show("people");
    if (isAdding) this.#people.add();
    else this.#tabs[0].focus();
  }

  close() {
    if (!this.isOpen) return;
    const { activeElement, body } = document; // the body if the focused button was disabled
    const hadFocus = activeElement === body || this.node.contains(activeElement);
    this.node.hidden = true;
    if (this.#isLayer) this.#layers.closed(this.#close);
    this.#onChanged(false, hadFocus);
  }

  /** `title` is the open chat's; another chat, or none, closes the panel. */
  render(chat, title) {
    if (!this.isOpen) return;
    if (chat !== this.#chat) {
      this.close();
      return;
    }
    if (this.#heading.textContent !== title) this.#heading.textContent = title;
    this.#people.render();
    this.#settings.render();
  }

  #show(name) {
    this.#tab = name;
    for (const tab of this.#tabs) {
      const isIt = tab.id === `tab-${name}`;
      tab.setAttribute("aria-selected", String(isIt));
      tab.setAttribute("tabindex", isIt ? "0" : "-1");
    }
    this.#body.setAttribute("aria-labelledby", `tab-${name}`);
    this.#body.replaceChildren((name === "people" ? this.#people : this.#settings).node);
    this.#people.render();
    this.#settings.render();
  }

  #walk(event) {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const next = this.#tab === "people" ? "settings" : "people";
    this.#show(next);
    this.#tabs.find((tab) => tab.id === `tab-${next}`).focus();
  }
}
