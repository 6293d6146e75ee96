/**
 * The open chat: its name and people, the log, who is typing, the way to the newest, the composer.
 * Or, when none is open, what one can do.
 */
import { Composer } from "./composer.js";
import { element } from "./element.js";
import { Log } from "./log.js";
import { membersInWords, titleOf, typingInWords } from "./words.js";

export class Conversation {
  #me;
  #names;
  #chats;
  #clock;
  #hear;
  #log;
  #chat = null;
  #title = "";
  #seen = 0; // the seq up to which the reader has had the end in view
  #heading = element("h1", { dir: "auto" });
  #members = element("p", { dir: "auto" });
  #typing = element("p", { class: "typing", "aria-live": "off" });
  #latest;
  #notice = element("p", { class: "notice", role: "status" });
  #panes;
  #empty;

  /**
   * `hear` is `{send(chat, text), typing(chat), retry(chat, id), discard(chat, id), older(chat),
   * people(chat), attentive(): boolean}`.
   */
  constructor({ me, names, chats, clock, hear, empty }) {
    this.#me = me;
    this.#names = names;
    this.#chats = chats;
    this.#clock = clock;
    this.#hear = hear;
    this.#empty = empty;
    this.#log = new Log({
      me,
      names,
      hear: {
        older: (chat) => hear.older(chat),
        moved: () => this.#look(),
        retry: (id) => hear.retry(this.#chat, id),
        discard: (id) => hear.discard(this.#chat, id),
      },
    });
    this.composer = new Composer({
      clock,
      hear: {
        send: (text) => {
          chats.saveDraft(this.#chat, "");
          this.#log.toEnd();
          hear.send(this.#chat, text);
        },
        draft: (text) => chats.saveDraft(this.#chat, text),
        typing: () => hear.typing(this.#chat),
      },
    });
    this.#latest = element("button", {
      class: "latest", type: "button", hidden: true, onclick: () => {
        this.#log.toEnd();
        this.#look();
        this.composer.focus();
      },
    });
    this.#panes = [
      element(
        "header",
        { class: "bar" },
        element("a", { class: "back", href: "#", "aria-label": "Back to chats" }, "‹"),
        element("div", {}, this.#heading, this.#members),
        element(
          "button",
          { class: "quiet", type: "button", onclick: () => hear.people(this.#chat) },
          "People",
        ),
      ),
      element("div", { class: "logs" }, this.#log.node, this.#latest),
      element("div", { class: "foot" }, this.#typing, this.#notice, this.composer.node),
    ];
    this.node = element("main", { class: "chat" }, empty);
  }

  get log() {
    return this.#log.node;
  }

  /** Shows a chat, or what one can do when it is null. */
  open(chat, { isLive }) {
    this.#chat = chat;
    this.#chats.look(chat);
    if (chat === null) {
      this.node.replaceChildren(this.#empty);
      return;
    }
    this.node.replaceChildren(...this.#panes);
    const { read, timeline } = chat;
    chat.newAfter = read !== null && read < timeline.cursor ? read : null;
    this.#seen = timeline.cursor;
    this.#title = this.#titleNow();
    this.composer.open(this.#title, chat.draft);
    this.#log.open(chat, this.#title);
    this.render({ isLive, notice: this.#notice.textContent });
    this.#look();
  }

  /**
   * An event was applied to the chat: before it is shown, where does "New" begin? The line stays
   * where it is until the reader goes elsewhere, be it to another window.
   */
  heard(chat, event) {
    if (chat !== this.#chat || event.by === this.#me.id || chat.read !== event.seq - 1) return;
    const isFirst = chat.newAfter === null && !this.#isLooking();
    if (isFirst || !this.#hear.attentive()) chat.newAfter = chat.read;
  }

  /** `notice` is a sentence about the connection, or "". */
  render({ isLive, notice }) {
    if (this.#chat === null) return;
    const title = this.#titleNow();
    if (title !== this.#title) this.composer.retitle(title);
    this.#title = title;
    const nameOf = (id) => this.#names.of(id);
    setText(this.#heading, title);
    setText(this.#members, membersInWords(this.#chat.detail, this.#me.id, nameOf));
    setText(this.#typing, typingInWords(this.#chat.typists(this.#clock.now()).map(nameOf)));
    setText(this.#notice, notice);
    this.#log.render({ isLive });
    this.#look();
  }

  #titleNow() {
    return titleOf(this.#chat.detail, this.#me.id, (id) => this.#names.of(id));
  }

  #isLooking() {
    return this.#hear.attentive() && this.#log.atEnd;
  }

  /** What is in view is read; what is not is counted on the button that leads there. */
  #look() {
    const { timeline } = this.#chat;
    if (this.#log.atEnd) this.#seen = timeline.cursor;
    if (this.#isLooking()) this.#chats.markRead(this.#chat);
    const unseen = timeline.newsAfter(this.#seen);
    this.#latest.hidden = unseen === 0 && !this.#log.isFar;
    setText(this.#latest, unseen > 0 ? `${unseen} new ↓` : "Latest ↓");
  }
}

/** A live region speaks when its text is set, also to the same. */
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
