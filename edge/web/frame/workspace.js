/**
 * The page of a signed-in user: builds the views, connects them, and draws when something has
 * changed. Contains no rules about chats.
 */
import { Attention } from "../background/attention.js";
import { element } from "../parts/element.js";
import { Errands } from "./errands.js";
import { Heading } from "../background/heading.js";
import { goAround, hearKeys, isCovered } from "./keys.js";
import { Layers } from "../parts/layers.js";
import { Lazy } from "./lazy.js";
import { lineInWords, noticeInWords } from "../side/line-state.js";
import { ListChoice } from "../side/list-choice.js";
import { Live } from "../state/live.js";
import { Quotes } from "../state/quotes.js";
import { Route } from "./route.js";
import { beside, sectionsOf } from "../side/sections.js";
import { Sheets } from "./sheets.js";
import { Side } from "../side/side.js";
import { TalkPlace } from "../open-chat/talk-place.js";
import { Toast } from "../parts/toast.js";
import { welcome } from "../open-chat/welcome.js";
import { registerWorker } from "../background/worker-link.js";
import {
  endInWords, leftInWords, notChangedInWords, otherOf, refusalInWords, titleOf,
} from "../text/words.js";

const TICK_MS = 1_000;
const SLOW_MS = 400;

export class Workspace {
  #me;
  #session;
  #clock;
  #database;
  #onSignedOut;
  #live;
  #chats;
  #names;
  #layers = new Layers({ go: () => this.#route.follow() });
  #list = new ListChoice({ onChange: () => this.#draw() });
  #ended = new AbortController();
  #loading = { signal: this.#ended.signal, onFailure: (error) => this.say(refusalInWords(error)) };
  #lazy = new Lazy({ name: "later", styles: ["later.css"], ...this.#loading });
  #talk = new Lazy({ name: "talk", styles: ["talk.css"], ...this.#loading });
  #parts;
  #sheets;
  #side;
  #heading = new Heading();
  #panel = null; // created on first use
  #standby = null; // loaded when the browser is idle
  #conversation;
  #quotes;
  #toast;
  #errands;
  #route;
  #leaving = null; // the call that ends the session here
  #isDrawing = false;

  /** `database` is this browser's storage for `me`; `onSignedOut(notice)` when the session ends. */
  constructor({ me, api, instance, session, clock, database, onSignedOut }) {
    this.#me = me;
    this.#session = session;
    this.#clock = clock;
    this.#database = database;
    this.#onSignedOut = onSignedOut;
    this.#live = new Live({
      me, api, session, clock, database, WebSocket,
      random: Math.random, locks: navigator.locks,
      url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`,
      isWatched: () => document.visibilityState === "visible",
      lookUpMentions: (...of) => this.#talk.use(({ lookUpMentions }) => lookUpMentions(...of)),
      hear: {
        changed: () => this.#draw(),
        applied: (chat, event) => {
          this.#quotes.heard(event);
          this.#conversation.heard(chat, event);
          this.#standby?.heard(chat, event);
        },
        refused: (item, code) => this.#toast.show(notChangedInWords(item, code)),
        left: (chat) => this.#left(chat),
        signedOut: () => this.#signedOut(), somebodyElse: () => location.reload(),
      },
    });
    this.#chats = this.#live.chats;
    this.#names = this.#live.names;
    this.#route = new Route({
      chats: this.#chats, layers: this.#layers, show: (how) => this.#show(how),
    });
    this.#build(api, instance);
  }

  /**
   * Passes `show` the page as soon as there is something to show, even from this browser's storage,
   * and goes live; `asked` as `Live.begin` takes it. Raises what that raises.
   */
  async start(show, asked) {
    await this.#live.begin(asked);
    show(this.node);
    this.#listen();
    this.#route.follow();
    this.#tick();
    this.#talk.whenIdle(() => this.#lazy.whenIdle(({ Standby }) => this.#stand(Standby)));
    if (this.#chats.sorted().length === 0) this.node.querySelector(".nothing .strong").focus();
  }

  /** A sentence above the list of chats; shown briefly too while an open chat hides the list. */
  say(sentence) {
    this.#side.say(sentence);
    if (sentence && !this.#side.node.checkVisibility()) this.#toast.show(sentence);
  }

  #build(api, instance) {
    this.#quotes = new Quotes({
      api, names: this.#names, clock: this.#clock, onChange: () => this.#draw(),
    });
    this.#toast = new Toast({ clock: this.#clock });
    this.#errands = new Errands({
      say: (sentence) => this.say(sentence), show: (sentence) => this.#toast.show(sentence),
    });
    this.#parts = {
      me: this.#me, api, instance, chats: this.#chats, names: this.#names,
      presence: this.#live.presence, clock: this.#clock, layers: this.#layers, lazy: this.#lazy,
      toast: this.#toast, errands: this.#errands,
    };
    this.#sheets = new Sheets({
      ...this.#parts,
      does: {
        list: this.#list,
        open: (chat) => this.#goTo(chat),
        openAt: (chat, seq) => this.#route.goToMessage(chat, seq),
        meet: (user) => this.#meet(user),
        logOut: () => (this.#leaving = this.#live.logOut()),
        leaving: (ending) => (this.#leaving = ending),
        leave: (notice) => this.#leave(notice),
      },
    });
    this.#side = new Side({
      ...this.#parts,
      does: {
        find: () => this.#sheets.find(),
        newChat: () => this.#sheets.newChat(),
        settings: () => this.#sheets.settings(),
        menu: (id, anchor) => this.#menu(this.#chats.get(id), anchor),
      },
    });
    const does = { onFind: () => this.#sheets.find(), onNewChat: () => this.#sheets.newChat() };
    const empty = welcome({ hello: this.#side.hello, ...does });
    this.#conversation = new TalkPlace({
      talk: this.#talk,
      empty,
      make: (Conversation) => new Conversation({ ...this.#parts, empty, hear: this.#heard() }),
      onCome: () => this.#drawNow(), onFocusLost: () => this.#side.find.focus(),
    });
    const views = [this.#side, this.#conversation, this.#toast];
    this.node = element("main", { class: "app" }, ...views.map(({ node }) => node));
  }

  /** The callbacks for a conversation. */
  #heard() {
    return {
      post: (chat, wanted) => {
        this.#errands.keep(this.#live.post(chat, wanted));
        this.#clock.after(SLOW_MS, () => this.#draw());
      },
      remove: (chat, message) => {
        const { clientId, kept } = this.#live.postDeletion(chat, message);
        this.#errands.keep(kept);
        const undo = () => {
          this.#errands.keep(this.#live.discard(chat, clientId));
          this.#write();
        };
        this.#toast.show("Message deleted", { label: "Undo", take: undo });
      },
      quoted: (chat, messageId) => this.#quotes.of(chat, messageId),
      retry: (chat, id) => this.#errands.keep(this.#live.retry(chat, id)),
      discard: (chat, id) => this.#errands.keep(this.#live.discard(chat, id)),
      toEnd: () => this.#route.toEnd(),
      typing: (chat) => this.#live.typing(chat),
      unread: (chat, seq) => this.#errands.do(this.#chats.markUnread(chat, seq)),
      menu: (chat, anchor) => this.#menu(chat, anchor, { find: () => this.#sheets.find() }),
      about: (chat) => (this.#panel?.isOpen ? this.#panel.close() : this.#about(chat)),
      add: (chat) => this.#about(chat, { isAdding: true }),
      write: (user) => this.#meet(user),
      say: (sentence) => this.#toast.show(sentence),
      warn: (sentence) => this.say(sentence),
      hurry: () => this.#live.hurry(),
      attentive: () => document.visibilityState === "visible" && document.hasFocus(),
    };
  }

  #listen() {
    const { signal } = this.#ended;
    const on = (target, type, call) => target.addEventListener(type, call, { signal });
    const attention = new Attention({
      clock: this.#clock, signal, onChange: () => this.#live.attend(attention.isActive),
    });
    this.#session.whenTaken(this.#me.id, () => location.reload(), signal);
    on(window, "popstate", ({ state }) => this.#layers.moved(state));
    on(this.node, "click", (event) => this.#route.clicked(event));
    on(window, "online", () => this.#live.hurry());
    on(window, "offline", () => this.#live.doubt());
    on(window, "focus", () => this.#draw());
    on(window, "beforeunload", (event) => {
      const isMine = this.#session.lastId === this.#me.id; // nobody else has logged in
      if (isMine && this.#hasFiles) event.preventDefault();
    });
    on(window, "pagehide", () => {
      this.#live.unload();
      this.#toast.hide(); // a deletion can no longer be undone
      this.#route.keep(this.#conversation.place);
    });
    on(document, "visibilitychange", () => {
      if (document.visibilityState === "hidden") this.#live.flush();
      else this.#live.hurry();
      this.#drawNow(); // a requested animation frame does not fire while hidden
    });
    hearKeys((call) => on(document, "keydown", call), {
      find: () => this.#sheets.find(),
      step: (by, onlyUnread) => {
        const next = beside(this.#sections(), this.#route.open, by, onlyUnread);
        if (next) this.#goTo(next);
      },
      around: (by) => goAround(this.#places, by),
      back: () => (this.#route.open ? this.#conversation : this.#side.find).focus(),
      keys: () => this.#sheets.keys(),
    });
  }

  /** Times, typing and connection notices change without events. */
  #tick() {
    if (this.#ended.signal.aborted) return;
    this.#draw();
    this.#standby?.tick(this.#live.line);
    this.#clock.after(TICK_MS, () => this.#tick());
  }

  #stand(Standby) {
    if (this.#ended.signal.aborted) return;
    this.#conversation.aid();
    this.#standby = new Standby({
      ...this.#parts,
      worker: registerWorker(),
      isOpen: (chat) => chat === this.#route.open,
      isBusy: () => (
        this.#conversation.isBusy || this.#hasFiles || isCovered() || this.#live.hasUnsent
      ),
      goTo: (chat, seq) => (seq ? this.#route.goToMessage(chat, seq) : this.#goTo(chat)),
    });
  }

  /** Whether files were chosen that are not sent: only this window has them. */
  get #hasFiles() {
    return this.#chats.sorted().some(({ files }) => files.length > 0);
  }

  #left(chat) {
    if (this.#route.open !== chat) return;
    if (this.#sheets.isOpen) this.#route.lose(); // what is typed there belongs to no chat
    else this.#goTo(null);
    if (chat.left?.by === this.#me.id) return;
    this.say(leftInWords(chat, this.#me.id, (id) => this.#names.of(id)));
  }

  #goTo(chat) {
    this.#route.goTo(chat);
    this.#write();
  }

  /** Focuses the composer, unless a phone's keyboard would cover what the user came to read. */
  #write() {
    if (this.#route.open && !matchMedia("(pointer: coarse)").matches) this.#conversation.focus();
  }

  #show({ seq, place }) {
    const { open } = this.#route;
    if (open !== null) this.say("");
    this.node.classList.toggle("in-chat", open !== null);
    this.#conversation.open(open, { isLive: this.#live.line.state === "ready", seq, place });
    this.#drawNow();
    this.#write();
  }

  #about(chat, how) {
    this.#lazy.use(({ Panel }) => {
      if (this.#panel === null) {
        this.#panel = new Panel({
          ...this.#parts,
          does: { write: (user) => this.#meet(user) },
          onChanged: (isOpen, hadFocus) => {
            this.node.classList.toggle("with-panel", isOpen);
            if (hadFocus && !this.#route.open) this.#side.find.focus();
            else if (!isOpen) this.#write();
          },
        });
        this.#toast.node.before(this.#panel.node);
      }
      this.#panel.open(chat, this.#titleOf(chat), how);
    });
  }

  #menu(chat, anchor, more = {}) {
    this.#lazy.use(({ openChatMenu }) => openChatMenu({
      ...this.#parts, ...more, chat, label: this.#titleOf(chat), anchor, onRead: () => this.#draw(),
    }));
  }

  /** The parts of the page as `goAround` takes them. */
  get #places() {
    return [
      [this.#side.node, () => this.#side.find.focus()],
      ...(this.#route.open ? this.#conversation.places : []),
      ...(this.#panel?.isOpen ? [[this.#panel.node, () => this.#panel.focus()]] : []),
    ];
  }

  async #meet(user) {
    const from = this.#route.open; // whoever goes elsewhere meanwhile stays there
    const go = (chat) => this.#route.open === from && this.#goTo(chat);
    if (user === this.#me.id) this.#sheets.settings();
    else await this.#errands.do(this.#chats.meet(user).then(go));
  }

  async #leave(notice) {
    await this.#end();
    history.replaceState(null, "", location.pathname);
    await this.#database.erase();
    this.#onSignedOut(notice);
  }

  /**
   * Removes other people's messages; unsent and unfinished ones, and the address, stay for the next
   * session.
   */
  async #signedOut() {
    await this.#leaving?.catch(() => {}); // the caller handles errors: the socket is only faster
    if (this.#ended.signal.aborted) return;
    await this.#end();
    await Promise.all(["chats", "logs"].map((store) => this.#database.clear(store)));
    this.#onSignedOut("You were signed out. Log in again.");
  }

  /** Raises nothing; the promise resolves when everything is on disk. */
  #end() {
    this.#session.rest.forget();
    this.#parts.api.end();
    this.#ended.abort();
    this.#heading.show({ title: "", waiting: 0, name: this.#parts.instance.name });
    this.#standby?.end();
    this.#sheets.closeAll();
    return this.#live.end();
  }

  #sections() {
    const { open, wasUnread } = this.#route;
    return sectionsOf(this.#chats.sorted(), {
      open, wasUnread, isUnreadFirst: this.#list.isUnreadFirst,
      isDirect: ({ detail }) => otherOf(detail, this.#me.id) !== null,
    });
  }

  /** Batches the changes of one turn into one drawing; a hidden page draws too, for its title. */
  #draw() {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    const later = document.visibilityState === "visible" ? requestAnimationFrame : setTimeout;
    later(() => this.#drawNow());
  }

  #drawNow() {
    this.#isDrawing = false;
    if (this.#ended.signal.aborted) return;
    if (this.#route.followLate()) return;
    if (this.#route.isAstray()) this.say("This chat is gone, or you are not in it.");
    const nowMs = this.#clock.now();
    const { line, stopCode } = this.#live;
    this.#side.render({
      sections: this.#sections(), open: this.#route.open, line: lineInWords(line), nowMs,
      isCompact: this.#list.isCompact, name: this.#parts.instance.name,
    });
    this.#conversation.render({
      isLive: line.state === "ready",
      notice: stopCode === null ? noticeInWords(line, nowMs) : endInWords(stopCode),
    });
    const title = this.#route.open ? this.#titleOf(this.#route.open) : "";
    this.#panel?.render(this.#route.open, title);
    this.#sheets.render();
    this.#live.presence.drawn();
    this.#heading.show({ title, waiting: this.#chats.waiting, name: this.#parts.instance.name });
  }

  #titleOf(chat) {
    return titleOf(chat.detail, this.#me.id, (id) => this.#names.of(id));
  }
}
