/**
 * The page of somebody who is signed in: builds the views, hands what each says to those it
 * concerns, and draws when something has changed. Holds no rule of its own about chats.
 */
import { Conversation } from "./conversation.js";
import { element } from "./element.js";
import { hearKeys, openKeys } from "./keys.js";
import { lineInWords, noticeInWords } from "./line-state.js";
import { Live } from "./live.js";
import { Sheets } from "./sheets.js";
import { Side } from "./side.js";
import { welcome } from "./welcome.js";
import { endInWords, isolated, noteOf, titleOf } from "./words.js";

const TICK_MS = 1_000;

export class Workspace {
  #me;
  #session;
  #clock;
  #database;
  #onSignedOut;
  #live;
  #chats;
  #names;
  #sheets;
  #side;
  #conversation;
  #open; // the chat that is looked at, null for none, undefined before the first look
  #isDrawing = false;
  #ended = new AbortController();

  /** `database` is what this browser keeps for `me`; `onSignedOut(notice)` when it is over. */
  constructor({ me, api, session, clock, database, onSignedOut }) {
    this.#me = me;
    this.#session = session;
    this.#clock = clock;
    this.#database = database;
    this.#onSignedOut = onSignedOut;
    this.#live = new Live({
      me, api, session, clock, database, WebSocket,
      random: Math.random,
      locks: navigator.locks,
      url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`,
      hear: {
        changed: () => this.#draw(),
        applied: (chat, event) => this.#conversation.heard(chat, event),
        left: (chat) => this.#left(chat),
        signedOut: () => this.#signedOut(),
      },
    });
    this.#chats = this.#live.chats;
    this.#names = this.#live.names;
    this.#build(api);
  }

  /** Loads what is known, hands `show` the page, goes live. Raises what the first calls raise. */
  async start(show) {
    await this.#live.load();
    show(this.node);
    this.#listen();
    this.#live.connect();
    this.#route();
    this.#tick();
    if (this.#chats.sorted().length === 0) this.#side.finder.focus();
  }

  /** A sentence above the list of chats. */
  say(sentence) {
    this.#side.say(sentence);
  }

  #build(api) {
    const parts = { me: this.#me, api, chats: this.#chats, names: this.#names, clock: this.#clock };
    this.#sheets = new Sheets({
      ...parts, does: { open: (chat) => this.#goTo(chat), logOut: () => this.#logOut() },
    });
    this.#side = new Side({
      ...parts,
      does: {
        newChat: () => this.#sheets.newChat(),
        settings: () => this.#sheets.settings(),
        chat: (chat) => this.#goTo(chat),
        person: (user) => this.#meet(user),
      },
    });
    this.#conversation = new Conversation({
      ...parts,
      empty: welcome({
        me: this.#me,
        onFind: () => this.#side.finder.focus(),
        onNewChat: () => this.#sheets.newChat(),
      }),
      hear: {
        send: (chat, text) => this.#keep(this.#live.post(chat, text)),
        retry: (chat, id) => this.#keep(this.#live.retry(chat, id)),
        discard: (chat, id) => this.#keep(this.#live.discard(chat, id)),
        typing: (chat) => this.#live.typing(chat),
        older: (chat) => this.#older(chat),
        people: (chat) => this.#sheets.people(chat),
        attentive: () => document.visibilityState === "visible" && document.hasFocus(),
      },
    });
    this.node = element("div", { class: "app" }, this.#side.node, this.#conversation.node);
  }

  #listen() {
    const on = (target, type, call) => (
      target.addEventListener(type, call, { signal: this.#ended.signal })
    );
    on(window, "hashchange", () => this.#route());
    on(window, "online", () => this.#live.hurry());
    on(window, "focus", () => this.#draw());
    on(window, "pagehide", () => this.#live.flush());
    on(document, "visibilitychange", () => {
      if (document.visibilityState === "hidden") this.#live.flush();
      else this.#live.hurry();
      this.#drawNow(); // an animation frame asked for before would not come while hidden
    });
    hearKeys((call) => on(document, "keydown", call), {
      find: () => this.#find(),
      step: (by, onlyUnread) => {
        const next = this.#chats.beside(this.#open, by, onlyUnread);
        if (next) this.#goTo(next);
      },
      around: () => this.#around(),
      back: () => (this.#open ? this.#conversation.composer.focus() : this.#find()),
      keys: openKeys,
    });
  }

  /** Times, typing and the words about the connection age without any event. */
  #tick() {
    if (this.#ended.signal.aborted) return;
    this.#draw();
    this.#clock.after(TICK_MS, () => this.#tick());
  }

  async #keep(kept) {
    try {
      await kept;
    } catch {
      this.say("This browser is full: unsent messages do not survive a reload.");
    }
  }

  async #older(chat) {
    try {
      await this.#chats.loadOlder(chat);
    } catch (error) {
      if (error.code === undefined) throw error;
      // The line at the top of the log still says that there is more; scrolling asks again.
    }
  }

  #left(chat) {
    if (this.#open !== chat) return;
    const nameOf = (id) => (id === this.#me.id ? "you" : this.#names.of(id));
    const title = isolated(titleOf(chat.detail, this.#me.id, nameOf));
    const why = chat.left ? noteOf(chat.left, nameOf) : "You are no longer in this chat";
    this.#goTo(null);
    if (chat.left?.by !== this.#me.id) this.say(`${why}: ${title}`);
  }

  #goTo(chat) {
    const hash = chat ? `#${chat.id}` : "#";
    if (location.hash === hash) this.#route();
    else location.hash = hash;
  }

  #route() {
    const chat = this.#chats.get(location.hash.slice(1)) ?? null;
    if (chat !== null && chat.detail === null) return;
    // The browser tells late of a new address; a drawing in between has followed it already.
    if (chat !== this.#open) this.#show(chat);
    // A phone's keyboard would cover what one came to read.
    if (chat !== null && !matchMedia("(pointer: coarse)").matches) {
      this.#conversation.composer.focus();
    }
  }

  #show(chat) {
    this.#open = chat;
    if (chat !== null) this.say("");
    this.node.classList.toggle("in-chat", chat !== null);
    this.#conversation.open(chat, { isLive: this.#live.line.state === "ready" });
    this.#drawNow();
  }

  #find() {
    // On a phone the chats are another page: it has to be there before it can have the focus.
    if (getComputedStyle(this.#side.node).display === "none") {
      history.pushState(null, "", "#");
      this.#route();
    }
    this.#side.finder.focus();
  }

  #around() {
    const places = [
      [this.#side.node, () => this.#find()],
      [this.#conversation.log, () => this.#conversation.log.focus()],
      [this.#conversation.composer.node, () => this.#conversation.composer.focus()],
    ];
    const at = places.findIndex(([node]) => node.contains(document.activeElement));
    places[this.#open ? (at + 1) % places.length : 0][1]();
  }

  #meet(user) {
    this.#names.learn(user);
    const chat = this.#chats.withOnly(user.id);
    if (chat) this.#goTo(chat);
    else this.#sheets.newChat([user]);
  }

  async #logOut() {
    await this.#session.logOut();
    this.#end();
    await this.#database.erase();
    this.#onSignedOut("");
  }

  #signedOut() {
    if (this.#ended.signal.aborted) return;
    this.#session.forget();
    this.#end();
    this.#onSignedOut("You were signed out. Log in again.");
  }

  #end() {
    this.#ended.abort();
    this.#live.end();
    this.#sheets.closeAll();
    history.replaceState(null, "", location.pathname);
  }

  /** Many changes in one turn are one drawing; a hidden page draws too, for its title. */
  #draw() {
    if (this.#isDrawing) return;
    this.#isDrawing = true;
    const later = document.visibilityState === "visible" ? requestAnimationFrame : setTimeout;
    later(() => this.#drawNow());
  }

  #drawNow() {
    this.#isDrawing = false;
    if (this.#ended.signal.aborted) return;
    // The address may name a chat that has only now become known.
    const named = this.#chats.get(location.hash.slice(1));
    if (named?.detail && named !== this.#open) {
      this.#route();
      return;
    }
    const nowMs = this.#clock.now();
    const { line, stopCode } = this.#live;
    this.#side.render({
      chats: this.#chats.sorted(), open: this.#open, line: lineInWords(line), nowMs,
    });
    this.#conversation.render({
      isLive: line.state === "ready",
      notice: stopCode ? endInWords(stopCode) : noticeInWords(line, nowMs),
    });
    this.#sheets.render();
    this.#title();
  }

  #title() {
    const nameOf = (id) => this.#names.of(id);
    const open = this.#open ? `${titleOf(this.#open.detail, this.#me.id, nameOf)} – ` : "";
    const { unread } = this.#chats;
    document.title = `${unread > 0 ? `(${unread}) ` : ""}${open}Hubbub`;
  }
}
