/**
 * The left pane: the instance's name, the finder button, the chats, the user and the connection.
 */
import { ChatList } from "./chat-list.js";
import { avatar, element, lettersOf } from "../parts/element.js";
import { icon } from "../parts/icons.js";
import { hueOf } from "../text/hues.js";

export class Side {
  #list;
  #state = element("span", { class: "live", role: "status" });
  #none;
  #me;
  #names;
  #self = element("b", { class: "cut", dir: "auto" });
  #status = element("span", { class: "cut", dir: "auto" });
  #face = element("span", {});
  #picture = "";
  #said = element("p", { class: "hint notes", role: "status" });
  #name = element("span", { class: "cut", dir: "auto" });
  hello = element("h2", {}); // of the welcome, with the name that is shown here

  /** `does` is `{find(), newChat(), settings(), menu(id, anchor)}`. */
  constructor({ me, names, presence, does }) {
    this.#me = me;
    this.#names = names;
    this.#list = new ChatList({ me, names, presence, onMenu: does.menu });
    this.#none = element(
      "div",
      { class: "none", hidden: true },
      element("p", { class: "hint" },
        `No chats yet. Find somebody, or wait until somebody adds you as ${me.username}.`),
      element("button", { type: "button", class: "strong", onclick: does.find }, "Find somebody"),
      element("button", { type: "button", onclick: does.newChat }, "New chat"),
    );
    this.find = element(
      "button",
      { class: "find", type: "button", onclick: does.find },
      icon("search"),
      "Find or search",
      element("kbd", {}, "Ctrl K"),
    );
    this.node = element(
      "nav",
      { class: "side", "aria-label": "Chats" },
      element(
        "header",
        { class: "team" },
        element("h1", { class: "brand-line" }, element("span", { class: "mark" }), this.#name),
        element(
          "button",
          {
            class: "bare", type: "button", "aria-label": "New chat", title: "New chat",
            onclick: does.newChat,
          },
          icon("compose"),
        ),
      ),
      this.find,
      this.#said,
      this.#none,
      this.#list.node,
      element(
        "footer",
        { class: "self" },
        element(
          "button",
          { class: "quiet", type: "button", title: "Settings", onclick: does.settings },
          this.#face,
          element("span", { class: "two" }, this.#self, this.#status),
        ),
        this.#state,
      ),
    );
  }

  /** A sentence above the list, until the next one or "". */
  say(sentence) {
    this.#said.textContent = sentence;
  }

  /** `line` is `{kind: "" | "middle" | "off", words}`; `name` that of the instance. */
  render({ sections, open, line, nowMs, isCompact, name }) {
    if (this.#name.textContent !== name) this.#name.textContent = name;
    this.#list.render(sections, open, nowMs);
    this.#list.node.classList.toggle("compact", isCompact);
    this.#none.hidden = sections.length > 0;
    this.#renderSelf();
    if (this.#state.textContent === line.words) return;
    this.#state.textContent = line.words;
    this.#state.className = `live ${line.kind}`;
  }

  #renderSelf() {
    const name = this.#names.of(this.#me.id);
    const status = this.#names.statusOf(this.#me.id) || "Settings";
    if (this.#status.textContent !== status) this.#status.textContent = status;
    const picture = this.#names.pictureOf(this.#me.id);
    if (this.#self.textContent === name && this.#picture === picture) return;
    this.#self.textContent = name;
    this.hello.textContent = `Hello, ${name}`;
    this.#picture = picture;
    this.#face.replaceChildren(
      avatar(hueOf(this.#me.id), lettersOf(name), { person: true, size: "s32", picture }),
    );
  }
}
