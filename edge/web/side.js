/**
 * The left pane: the name of the place, the finder, the chats, oneself and the connection.
 */
import { ChatList } from "./chat-list.js";
import { avatar, element, lettersOf } from "./element.js";
import { Finder } from "./finder.js";
import { hueOf } from "./ids.js";

export class Side {
  #list;
  #state = element("span", { class: "state-of-line", role: "status" });
  #none;
  #said = element("p", { class: "said", role: "status" });

  /** `does` is `{newChat(), settings(), chat(chat), person(user)}`. */
  constructor({ me, api, chats, names, does }) {
    this.#list = new ChatList({ me, names });
    const none = `No chats yet. Find a person above, or wait until one adds ${me.username}.`;
    this.#none = element("p", { class: "none", hidden: true }, none);
    this.finder = new Finder({
      me, api, chats, names,
      choose: { chat: does.chat, person: does.person },
      onToggle: (isOpen) => {
        this.#list.node.hidden = isOpen;
        this.#none.classList.toggle("covered", isOpen);
      },
    });
    this.node = element(
      "nav",
      { class: "side", "aria-label": "Chats" },
      element(
        "header",
        { class: "place" },
        element("span", { class: "mark", "aria-hidden": "true" }),
        element("strong", {}, "Hubbub"),
        element("button", { class: "quiet plus", type: "button", "aria-label": "New chat",
          title: "New chat", onclick: does.newChat }, "+"),
      ),
      this.finder.node,
      this.#said,
      this.finder.results,
      this.#none,
      this.#list.node,
      element(
        "footer",
        {},
        element(
          "button",
          { class: "self", type: "button", title: "Settings", onclick: does.settings },
          avatar(hueOf(me.id), lettersOf(me.username)),
          element("span", {}, me.username),
          element("span", { class: "unseen" }, ": settings"),
        ),
        this.#state,
      ),
    );
  }

  get list() {
    return this.#list.node;
  }

  /** A sentence above the list, until the next one or "". */
  say(sentence) {
    this.#said.textContent = sentence;
  }

  /** `line` is `{kind: "good" | "middle" | "bad", words}`. */
  render({ chats, open, line, nowMs }) {
    this.#list.render(chats, open, nowMs);
    this.#none.hidden = chats.length > 0;
    if (this.#state.textContent === line.words) return;
    this.#state.textContent = line.words;
    this.#state.className = `state-of-line ${line.kind}`;
  }
}
