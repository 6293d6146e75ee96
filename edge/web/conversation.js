/**
 * The open chat: its name and people, the log, who is typing, the way to the newest, the composer.
 * Or, when none is open, what one can do.
 */
import { Bar } from "./bar.js";
import { Composer } from "./composer.js";
import { element } from "./element.js";
import { icon } from "./icons.js";
import { introOf } from "./intro.js";
import { Log } from "./log.js";
import { openMenu } from "./menu.js";
import { Notice } from "./notice.js";
import { Tools } from "./tools.js";
import { titleOf, typingInWords } from "./words.js";

export class Conversation {
  #me;
  #names;
  #chats;
  #clock;
  #hear;
  #log;
  #bar;
  #chat = null;
  #title = "";
  #seen = 0; // the seq up to which the reader has had the end in view
  #typing = element("p", { class: "typing", "aria-live": "off" });
  #latest;
  #notice;
  #panes;
  #empty;

  /**
   * `hear` is `{send(chat, text), typing(chat), retry(chat, id), discard(chat, id), before(chat,
   * seq), after(chat, seq), around(chat, seq), about(chat), add(chat), copy(text), hurry(),
   * attentive(): boolean}`; `layers` as in `layers.js`.
   */
  constructor({ me, names, chats, clock, layers, hear, empty }) {
    this.#me = me;
    this.#names = names;
    this.#chats = chats;
    this.#clock = clock;
    this.#hear = hear;
    this.#empty = empty;
    this.#bar = new Bar({ me, names, onAbout: () => hear.about(this.#chat) });
    this.#notice = new Notice({ onHurry: hear.hurry });
    this.#log = new Log({
      me,
      names,
      intro: (chat) => introOf({ chat, me, names, onAdd: () => hear.add(chat) }),
      hear: {
        before: hear.before,
        after: hear.after,
        around: hear.around,
        moved: () => this.#look(),
        retry: (id) => hear.retry(this.#chat, id),
        discard: (id) => hear.discard(this.#chat, id),
      },
    });
    new Tools({
      log: this.#log.node,
      rowOf: (node) => this.#log.rowOf(node),
      choices: (row) => this.#choices(row),
      open: (row, choices, anchor) => openMenu({
        label: "Message", anchor, layers, items: choices.filter((one) => !one.isOnlyQuick),
      }),
    });
    this.composer = this.#makeComposer();
    this.#latest = element(
      "button",
      {
        class: "latest",
        type: "button",
        hidden: true,
        onclick: () => {
          this.#log.toEnd();
          this.#look();
          this.composer.focus();
        },
        onwheel: ({ deltaY }) => this.#log.scrollBy(deltaY),
      },
      icon("down-arrow"),
      element("span", {}, "Latest"),
    );
    this.#panes = [
      this.#bar.node,
      element("div", { class: "logs" }, this.#log.edge, this.#log.node, this.#latest),
      element("div", { class: "foot" }, this.#typing, this.#notice.node, this.composer.node),
    ];
    this.node = element("main", { class: "chat" }, empty);
  }

  get log() {
    return this.#log.node;
  }

  /** Shows a chat, at the message `seq` if one is named; or what one can do when it is null. */
  open(chat, { isLive, seq }) {
    this.#chat = chat;
    this.#chats.look(chat);
    if (chat === null) {
      this.node.replaceChildren(this.#empty);
      return;
    }
    const { read, timeline } = chat;
    chat.newAfter = read !== null && read < timeline.cursor ? read : null;
    this.#seen = timeline.cursor;
    this.#title = this.#titleNow();
    this.composer.open(this.#title, chat.draft);
    this.node.replaceChildren(...this.#panes);
    this.#log.open(chat, this.#title, seq);
    this.render({ isLive, notice: null });
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

  /** `notice` says something about the connection, or is null. */
  render({ isLive, notice }) {
    if (this.#chat === null) return;
    const title = this.#titleNow();
    if (title !== this.#title) {
      this.composer.retitle(title);
      this.#log.retitle(title);
    }
    this.#title = title;
    this.composer.keepUp(this.#chat.draft);
    this.#bar.render(this.#chat, title);
    const typists = this.#chat.typists(this.#clock.now()).map((id) => this.#names.of(id));
    setText(this.#typing, typingInWords(typists));
    this.#notice.render(notice);
    this.#log.render({ isLive });
    this.#look();
  }

  #makeComposer() {
    return new Composer({
      clock: this.#clock,
      hear: {
        send: (text) => {
          this.#chats.saveDraft(this.#chat, "");
          this.#log.toEnd();
          this.#hear.send(this.#chat, text);
        },
        draft: (text) => this.#chats.saveDraft(this.#chat, text),
        typing: () => this.#hear.typing(this.#chat),
      },
    });
  }

  /** What can be done with a message that is stored. */
  #choices(row) {
    const chat = this.#chat;
    const address = `${location.origin}${location.pathname}#${chat.id}/${row.seq}`;
    return [
      { icon: "copy", label: "Copy text", take: () => this.#hear.copy(row.text) },
      { icon: "link", label: "Copy link", take: () => this.#hear.copy(address) },
      {
        icon: "chat",
        label: "Mark as unread",
        take: () => this.#hear.unread(chat, row.seq),
      },
    ];
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
    if (this.#isLooking() && !this.#chat.isKeptUnread) this.#chats.markRead(this.#chat);
    const unseen = timeline.newsAfter(this.#seen);
    this.#latest.hidden = unseen === 0 && !this.#log.isFar;
    setText(this.#latest.lastChild, unseen > 0 ? `${unseen} new` : "Latest");
  }
}

/** A live region speaks when its text is set, also to the same. */
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
