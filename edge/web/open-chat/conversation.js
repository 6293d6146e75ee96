/**
 * The open chat: bar, log, who is typing, jumps, composer. Or, if none is open, what one can do.
 */
import { addressOf, namedBy } from "../text/addresses.js";
import { Bar } from "./bar.js";
import { Composer } from "../composer/composer.js";
import { deedsFor } from "./deeds.js";
import { hearDrops } from "./drops.js";
import { element } from "../parts/element.js";
import { History } from "../state/history.js";
import { icon } from "../parts/icons.js";
import { introOf } from "../log/intro.js";
import { Jumps } from "../log/jumps.js";
import { Log } from "../log/log.js";
import { Notice } from "./notice.js";
import { mentionsIn, powersIn, unknownIn } from "../text/mentions.js";
import { copy, share } from "./sharing.js";
import { isDeleted, typingInWords } from "../text/people-words.js";
import { otherOf, titleOf } from "../text/words.js";

export class Conversation {
  #me;
  #api;
  #layers;
  #lazy;
  #aids = null; // loaded when the browser is idle, or somebody wants it
  #coming = []; // the chats of files that were chosen and that nothing has taken yet
  #names;
  #presence;
  #chats;
  #deeds; // of a chat, as `commandIn` takes them
  #clock;
  #hear;
  #loadBefore;
  #log;
  #bar;
  #chat = null;
  #title = "";
  #seen = 0; // the seq up to which the end was in view
  #typing = element("p", { class: "typing", "aria-live": "off" });
  #closed = element("p", { class: "banner" }, icon("alert"),
    "This account is deleted. You can read what was written here, and nobody can write any more.");
  #jumps;
  #notice;
  #panes;
  #empty;

  /**
   * `hear` is `{post(chat, wanted), remove(chat, message), typing(chat), retry(chat, id),
   * discard(chat, id), toEnd(), unread(chat, seq), quoted(chat, messageId), about(chat),
   * menu(chat, anchor), add(chat), write(userId), say(sentence), warn(sentence),
   * hurry(), attentive(): boolean}`; `layers` as in `layers.js`, `lazy` a `Lazy`.
   */
  constructor({ me, api, names, presence, chats, clock, layers, lazy, errands, toast, hear, empty }) {
    this.#me = me;
    this.#deeds = (chat) => deedsFor(chat, { me, api, chats, errands, toast });
    const history = new History({ api });
    const load = (name) => (chat, seq) => (
      errands.load(history[name](chat, seq).then(() => chats.loaded(chat)))
    );
    this.#loadBefore = load("before");
    const thenWrite = (act) => (id) => {
      act(this.#chat, id);
      this.composer.offer();
    };
    this.#api = api;
    this.#layers = layers;
    this.#lazy = lazy;
    this.#names = names;
    this.#presence = presence;
    this.#chats = chats;
    this.#clock = clock;
    this.#hear = hear;
    this.#empty = empty;
    this.#bar = new Bar({
      me, names, presence, onAbout: () => hear.about(this.#chat),
      onMenu: (anchor) => hear.menu(this.#chat, anchor),
    });
    this.#notice = new Notice({
      onHurry: () => {
        hear.hurry();
        this.composer.offer(); // the button is disabled, and gone with the notice
      },
      onBack: () => hear.say("Connected again"),
    });
    this.#log = new Log({
      me,
      names,
      intro: (chat) => introOf({ chat, me, names, onAdd: () => hear.add(chat) }),
      hear: {
        before: this.#loadBefore,
        after: load("after"),
        around: load("around"),
        moved: () => this.#chat && this.#look(), // scroll events may be late
        retry: thenWrite(hear.retry),
        discard: thenWrite(hear.discard),
        quoted: hear.quoted,
        chatAt: (address) => this.#chatAt(address),
        react: (row, emoji, isOn) => this.#react(row, emoji, isOn),
        pick: (row, anchor) => this.#pick(row, anchor),
        jump: (seq) => this.#log.goTo(seq),
        person: (id, anchor) => this.#person(id, anchor),
        link: (file) => this.#aided(({ files }) => files.link(file)),
        view: (seq, file) => this.#aided(({ files }) => files.view(seq, file)),
      },
    });
    this.composer = this.#makeComposer();
    this.#jumps = new Jumps({
      onLatest: () => {
        this.#toEnd();
        this.#look();
        this.composer.offer();
      },
      onNew: () => {
        this.#log.toNew();
        this.#log.node.focus({ preventScroll: true });
      },
      scrollBy: (px) => this.#log.scrollBy(px),
    });
    this.#panes = [
      this.#bar.node,
      element("div", { class: "logs" }, this.#log.edge, this.#log.node, ...this.#jumps.nodes),
      element("div", { class: "foot" }, this.#typing, this.#notice.node, this.composer.node),
    ];
    this.node = element("section", { class: "chat", "aria-label": "Conversation" }, empty);
    hearDrops(this.node, {
      mayTake: () => this.#chat !== null && !this.composer.node.hidden,
      take: (files) => this.#attach(files),
    });
  }

  /** `[node, focus()]` of its parts, in order. */
  get places() {
    return [
      [this.#bar.node, () => this.#bar.focus()],
      [this.#log.node, () => this.#log.node.focus()],
      [this.composer.node, () => this.composer.focus()],
    ];
  }

  /** Whether the user is writing something. */
  get isBusy() {
    return this.#chat !== null && !this.composer.isEmpty;
  }

  /** Loads the writing aids now. */
  aid() {
    this.#aided(() => {});
  }

  /** `{seq, top}` where the reader is, `{isEnd}` at the end; null if that is not known. */
  get place() {
    if (this.#chat === null) return null;
    return this.#log.atEnd ? { isEnd: true } : this.#log.place;
  }

  /**
   * Shows a chat, at the message `seq` if given, or at an earlier `place`; or the welcome if the
   * chat is null.
   */
  open(chat, { isLive, seq, place }) {
    this.#chat = chat;
    this.#chats.look(chat);
    if (chat === null) {
      this.#log.endSeeking();
      this.node.replaceChildren(this.#empty);
      return;
    }
    const other = otherOf(chat.detail, this.#me.id);
    if (other !== null) this.#names.look(other);
    chat.newAfter = chat.unread > 0 ? chat.read : null;
    this.#seen = chat.timeline.cursor;
    this.#title = this.#titleOf(this.#chat);
    this.composer.open(chat, this.#title);
    this.node.replaceChildren(...this.#panes);
    this.#log.open(chat, this.#title, { seq, place });
    this.#aids?.files.open(chat);
    this.render({ isLive, notice: null });
    this.#look();
  }

  /**
   * An event was applied to the chat: decides, before it is shown, where "New" begins. The line
   * stays until the reader goes elsewhere, even to another window.
   */
  heard(chat, event) {
    if (event.type === "message.deleted") this.composer.gone(chat, event.messageId);
    const isNews = event.type === "message" && event.by !== this.#me.id;
    if (chat !== this.#chat || !isNews) return;
    const isFirst = chat.newAfter === null && !this.#isLooking();
    const isOld = (chat.newAfter ?? -1) < chat.read; // everything below it is read
    if (isFirst || (isOld && !this.#hear.attentive())) chat.newAfter = chat.read;
  }

  /** `notice` is about the connection, or null. */
  render({ isLive, notice }) {
    this.#notice.render(this.#chat && notice, isLive);
    if (this.#chat === null) return;
    const title = this.#titleOf(this.#chat);
    if (title !== this.#title) {
      this.composer.retitle(title);
      this.#log.retitle(title);
    }
    this.#title = title;
    this.composer.keepUp(this.#chat);
    const { isKeptUnread, waiting } = this.#chat;
    this.#bar.render(this.#chat, title, this.#chats.waiting - (isKeptUnread ? 0 : waiting));
    const typists = this.#chat.typists(this.#clock.now()).map((id) => this.#names.of(id));
    const typing = typingInWords(typists);
    if (this.#typing.textContent !== typing) this.#typing.textContent = typing;
    const isClosed = this.#isDeleted(otherOf(this.#chat.detail, this.#me.id));
    if (!isClosed) this.#closed.remove();
    else if (!this.#closed.parentNode) this.composer.node.before(this.#closed);
    this.composer.node.hidden = isClosed;
    this.#log.render({ isLive });
    this.#look();
  }

  #makeComposer() {
    const post = (wanted, text, chat = this.#chat) => {
      const where = { chat, names: this.#names };
      const isIncomplete = unknownIn(text, where).length > 0;
      const mentions = mentionsIn(text, where);
      this.#hear.post(chat, { ...wanted, text, mentions, ...(isIncomplete && { isIncomplete }) });
    };
    return new Composer({
      clock: this.#clock,
      hear: {
        send: (text, answered, attachments, chat) => {
          this.#chats.saveDraft(chat, "", null);
          if (chat === this.#chat) this.#toEnd();
          post({ replyTo: answered?.messageId, attachments }, text, chat);
        },
        command: (text) => {
          if (this.#coming.includes(this.#chat)) {
            return { words: "Files are still loading. Send it again in a moment." };
          }
          if (!text.trimStart().startsWith("/")) return null;
          if (this.#aids === null) {
            this.aid();
            return { words: "Commands are still loading. Send it again in a moment." };
          }
          const chat = this.#chat;
          const who = { ...powersIn(chat, this.#me), does: this.#deeds(chat) };
          return this.#aids.commandIn(text, who);
        },
        edit: ({ seq, messageId }, text) => post({ kind: "edit", of: seq, messageId }, text),
        editLast: () => this.#editLast(),
        answer: (row, chat = this.#chat) => this.#chats.saveDraft(chat, chat.draft, row),
        editing: (edit, chat = this.#chat) => this.#chats.saveEdit(chat, edit),
        draft: (text, chat = this.#chat) => {
          if (text.includes("@")) this.#names.need(chat.detail.participants);
          this.#chats.saveDraft(chat, text);
        },
        typing: () => this.#hear.typing(this.#chat),
        attach: (files) => this.#attach(files),
        pickEmoji: (anchor) => (
          this.#aided((aids) => aids.pickEmoji(anchor, (emoji) => this.composer.insert(emoji)))
        ),
        aid: () => this.aid(),
      },
    });
  }

  /** Edits the user's newest message of those at the end of the log, which may have to be loaded. */
  async #editLast(chat = this.#chat) {
    if (!this.#log.hasEnd) {
      const { items, from } = chat.timeline.tail;
      if (items.length === 0) await this.#loadBefore(chat, from);
      if (chat !== this.#chat || !this.composer.isEmpty) return;
      const last = chat.timeline.lastBy(this.#me.id);
      if (!last) return;
      this.#log.goTo(last.seq);
    }
    const row = this.#log.lastOwn;
    if (row?.state === "stored") this.composer.edit(row);
  }

  #toEnd() {
    this.#log.toEnd();
    this.#hear.toEnd();
  }

  #react({ seq, messageId }, emoji, isOn) {
    this.#hear.post(this.#chat, { kind: "react", of: seq, messageId, emoji, isOn });
  }

  #pick(row, anchor) {
    this.#aided((aids) => aids.pickEmoji(anchor, (emoji) => this.#react(row, emoji, true)));
  }

  #person(id, anchor) {
    this.#lazy.use(({ openPersonMenu }) => openPersonMenu({
      id, anchor, names: this.#names, presence: this.#presence, layers: this.#layers,
      write: this.#hear.write,
    }));
  }

  #isDeleted(id) {
    return id !== null && isDeleted(this.#names.known(id));
  }

  /** The actions on a stored message. */
  #choices(row) {
    const chat = this.#chat;
    const isGroup = otherOf(chat.detail, this.#me.id) === null;
    const address = addressOf(chat, row.seq);
    const what = { title: this.#title, text: row.text, url: address };
    const mayWrite = isGroup && !row.mine && !this.#isDeleted(row.by);
    const { reactions = [] } = chat.timeline.messageAt(row.seq) ?? {};
    return this.#aids.choicesFor(row, {
      isOwner: chat.isOwner && isGroup,
      isNews: chat.timeline.newsAfter(row.seq - 1) > 0,
      author: mayWrite ? this.#names.of(row.by) : null,
      hasReactions: reactions.length > 0,
      does: {
        pick: (anchor) => this.#pick(row, anchor),
        reactions: () => this.#aids.openReactions({
          reactions, anchor: this.#log.lineOf(row),
          person: (id) => this.#person(id, this.#log.lineOf(row)),
        }),
        reply: () => this.composer.answer(row),
        edit: () => this.composer.edit(row),
        copyText: () => copy(row.text, "Text copied", this.#hear),
        copyLink: () => copy(address, "Link copied", this.#hear),
        share: navigator.share && (() => share(what, this.#hear)),
        unread: () => this.#hear.unread(chat, row.seq),
        write: () => this.#hear.write(row.by),
        remove: () => this.#hear.remove(chat, { of: row.seq, messageId: row.messageId }),
      },
    });
  }

  #menu(row, choices, anchor) {
    return this.#aided((aids) => aids.openMenu({
      row, choices, anchor,
      react: (emoji, isOn) => this.#react(row, emoji, isOn),
      pick: () => this.#pick(row, this.#log.lineOf(row)),
    }));
  }

  /** Calls `act` with an `Aids` once loaded, and returns its result; null if loading failed. */
  #aided(act) {
    return this.#lazy.use(({ Aids }) => act(this.#aids ?? this.#begin(Aids)));
  }

  #begin(Aids) {
    this.#aids = new Aids({
      me: this.#me, api: this.#api, chats: this.#chats, names: this.#names, clock: this.#clock,
      layers: this.#layers,
      onFiles: () => this.composer.showFiles(this.#aids.files.waiting, this.#aids.files.tray.node),
      onNoFiles: () => this.composer.offer(),
    });
    this.#aids.putTools({
      log: this.#log.node,
      rowOf: (node) => this.#log.rowOf(node),
      choices: (row) => this.#choices(row),
      open: (row, choices, anchor) => this.#menu(row, choices, anchor),
    });
    this.composer.complete((field) => this.#aids.completionFor(field, () => this.#chat));
    if (this.#chat) this.#aids.files.open(this.#chat);
    return this.#aids;
  }

  /** To the chat that is open now, even if another one is once the script for it has loaded. */
  async #attach(files, chat = this.#chat) {
    this.#coming.push(chat);
    const said = await this.#aided((aids) => aids.files.add(chat, files))
      .finally(() => this.#coming.splice(this.#coming.indexOf(chat), 1));
    if (said) this.#hear.say(said);
    if (chat === this.#chat) this.composer.focus();
  }

  /** `{hash, words}` for the address of one of the user's chats; null for any other. */
  #chatAt(address) {
    const named = namedBy(address, this.#chats);
    if (named === null) return null;
    const title = this.#titleOf(named.chat);
    return { hash: named.hash, words: named.seq ? `Message in ${title}` : `#${title}` };
  }

  #titleOf({ detail }) {
    return titleOf(detail, this.#me.id, (id) => this.#names.of(id));
  }

  #isLooking() {
    return this.#hear.attentive() && this.#log.atEnd;
  }

  /** Marks what is in view as read; the jump button counts the rest. */
  #look() {
    const { timeline } = this.#chat;
    if (this.#log.atEnd) this.#seen = timeline.cursor;
    if (this.#isLooking() && !this.#chat.isKeptUnread) this.#chats.markRead(this.#chat);
    const { isFar, isNewAbove } = this.#log;
    this.#jumps.render({ unseen: timeline.newsAfter(this.#seen), isFar, isNewAbove });
  }
}
