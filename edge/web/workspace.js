/**
 * The page of somebody who is signed in: builds the parts, hands what each says to those it
 * concerns, and draws when something has changed. Holds no rule of its own about chats.
 */
import { Chats } from "./chats.js";
import { Connection } from "./connection.js";
import { Conversation } from "./conversation.js";
import { Database } from "./database.js";
import { element } from "./element.js";
import { newId } from "./ids.js";
import { hearKeys, openKeys } from "./keys.js";
import { lineInWords, noticeInWords } from "./line-state.js";
import { Marks } from "./marks.js";
import { Names } from "./names.js";
import { Outbox } from "./outbox.js";
import { Sender } from "./sender.js";
import { Sheets } from "./sheets.js";
import { Side } from "./side.js";
import { welcome } from "./welcome.js";
import { endInWords, isolated, noteOf, notSentInWords, titleOf } from "./words.js";

const TICK_MS = 1_000;

export class Workspace {
  #me;
  #api;
  #session;
  #clock;
  #onSignedOut;
  #database;
  #names;
  #marks;
  #chats;
  #outbox;
  #connection;
  #sender;
  #side;
  #conversation;
  #sheets;
  #open = null;
  #stopCode = null;
  #isDrawing = false;
  #ended = new AbortController();

  constructor({ me, api, session, clock, onSignedOut }) {
    this.#me = me;
    this.#api = api;
    this.#session = session;
    this.#clock = clock;
    this.#onSignedOut = onSignedOut;
    const { random } = Math;
    const changed = () => this.#draw();
    this.#database = new Database(`hubbub ${me.id}`);
    this.#names = new Names({ api, database: this.#database, onChange: changed });
    this.#marks = new Marks({ database: this.#database, clock });
    this.#chats = new Chats({
      me: me.id, api, marks: this.#marks, clock,
      hear: {
        changed,
        applied: (chat, event) => this.#applied(chat, event),
        left: (chat) => this.#left(chat),
      },
    });
    this.#outbox = new Outbox({
      database: this.#database, window: newId(), locks: navigator.locks,
    });
    this.#connection = new Connection({
      WebSocket, clock, random,
      url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`,
      token: ({ renew }) => (renew ? session.renew() : session.token()),
      resume: () => this.#chats.cursors(),
      hear: {
        state: (state, code) => this.#lineChanged(state, code),
        ready: (frame, context) => this.#ready(frame, context),
        frame: (frame) => this.#frame(frame),
      },
    });
    this.#sender = new Sender({
      outbox: this.#outbox, connection: this.#connection, chats: this.#chats, clock, random,
      onChange: changed,
    });
    this.#build();
  }

  /** Loads what is known, hands `show` the page, goes live. Raises what the first calls raise. */
  async start(show) {
    await Promise.all([this.#names.load(), this.#marks.load()]);
    await this.#names.learn({ id: this.#me.id, username: this.#me.username });
    await this.#chats.load();
    for (const item of await this.#outbox.load()) {
      this.#chats.get(item.chat)?.timeline.write({ ...item });
    }
    show(this.node);
    this.#listen();
    this.#connection.open();
    this.#route();
    if (this.#chats.sorted().length === 0) this.#side.finder.focus();
  }

  #build() {
    this.#sheets = new Sheets({
      me: this.#me, api: this.#api, chats: this.#chats, names: this.#names,
      does: { open: (chat) => this.#goTo(chat), logOut: () => this.#logOut() },
    });
    this.#side = new Side({
      me: this.#me, api: this.#api, chats: this.#chats, names: this.#names,
      does: {
        newChat: () => this.#sheets.newChat(),
        settings: () => this.#sheets.settings(),
        chat: (chat) => this.#goTo(chat),
        person: (user) => this.#meet(user),
      },
    });
    this.#conversation = new Conversation({
      me: this.#me, names: this.#names, chats: this.#chats, clock: this.#clock,
      empty: welcome({
        me: this.#me,
        onFind: () => this.#side.finder.focus(),
        onNewChat: () => this.#sheets.newChat(),
      }),
      hear: {
        send: (chat, text) => this.#sender.post(chat, text, new Date().toISOString()),
        typing: (chat) => this.#connection.send({ type: "typing", chat: chat.id }),
        retry: (chat, id) => this.#sender.retry(chat, id),
        discard: (chat, id) => this.#sender.discard(chat, id),
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
    on(window, "online", () => this.#connection.hurry());
    on(window, "focus", () => this.#draw());
    on(window, "pagehide", () => this.#marks.flush());
    on(document, "visibilitychange", () => {
      if (document.visibilityState === "hidden") this.#marks.flush();
      else this.#connection.hurry();
      this.#drawNow(); // an animation frame asked for before would not come while hidden
    });
    hearKeys({ addEventListener: (type, call) => on(document, type, call) }, {
      find: () => this.#side.finder.focus(),
      step: (by, onlyUnread) => this.#step(by, onlyUnread),
      around: () => this.#around(),
      back: () => (this.#open ? this.#conversation.composer.focus() : this.#side.finder.focus()),
      keys: openKeys,
    });
    this.#tick();
  }

  /** Times, typing and the words about the connection age without any event. */
  #tick() {
    if (this.#ended.signal.aborted) return;
    this.#draw();
    this.#clock.after(TICK_MS, () => this.#tick());
  }

  #ready(frame, context) {
    this.#names.askAgain();
    this.#chats.ready(frame, context);
    this.#sender.restart();
  }

  #frame(frame) {
    if (frame.type === "sent") this.#sender.sent(frame);
    else if (frame.type === "error") this.#sender.refused(frame, notSentInWords);
    else this.#chats.frame(frame);
  }

  #applied(chat, event) {
    if (event.by === this.#me.id) this.#sender.delivered(event);
    this.#conversation.heard(chat, event);
  }

  #lineChanged(state, code) {
    this.#stopCode = state === "stopped" ? code : null;
    if (code === 4500 || code === 4502) this.#signedOut("You were signed out. Log in again.");
    this.#draw();
  }

  #left(chat) {
    if (this.#open !== chat) return;
    const nameOf = (id) => (id === this.#me.id ? "you" : this.#names.of(id));
    const title = isolated(titleOf(chat.detail, this.#me.id, nameOf));
    const why = chat.left ? `${noteOf(chat.left, nameOf)}: ` : "You are no longer in this chat: ";
    this.#goTo(null);
    this.#side.say(chat.left?.by === this.#me.id ? "" : `${why}${title}`);
  }

  async #older(chat) {
    try {
      await this.#chats.loadOlder(chat);
    } catch (error) {
      if (error.code === undefined) throw error;
      // The line at the top of the log still says that there is more; scrolling asks again.
    }
  }

  #goTo(chat) {
    const hash = chat ? `#${chat.id}` : "#";
    if (location.hash === hash) this.#route();
    else location.hash = hash;
  }

  #route() {
    const chat = this.#chats.get(location.hash.slice(1)) ?? null;
    if (chat !== null && chat.detail === null) return;
    this.#open = chat;
    this.node.classList.toggle("in-chat", chat !== null);
    this.#conversation.open(chat, { isLive: this.#isLive });
    this.#drawNow();
    if (chat !== null && !matchMedia("(pointer: coarse)").matches) {
      this.#conversation.composer.focus();
    }
  }

  #step(by, onlyUnread) {
    const next = this.#chats.beside(this.#open, by, onlyUnread);
    if (next) this.#goTo(next);
  }

  #around() {
    const places = [
      () => this.#side.finder.focus(),
      () => this.#conversation.log.focus(),
      () => this.#conversation.composer.focus(),
    ];
    const nodes = [this.#side.node, this.#conversation.log, this.#conversation.composer.node];
    const at = nodes.findIndex((node) => node.contains(document.activeElement));
    (this.#open ? places[(at + 1) % places.length] : places[0])();
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

  #signedOut(notice) {
    if (this.#ended.signal.aborted) return;
    this.#session.forget();
    this.#end();
    this.#onSignedOut(notice);
  }

  #end() {
    this.#ended.abort();
    this.#marks.flush();
    this.#connection.close();
    this.#sheets.closeAll();
    history.replaceState(null, "", location.pathname);
  }

  get #isLive() {
    return this.#connection.state === "ready";
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
    if (named?.detail && named !== this.#open) this.#route();
    const nowMs = this.#clock.now();
    const line = { state: this.#connection.state, since: this.#connection.since };
    const catchingUp = this.#chats.catchingUp;
    this.#side.render({
      chats: this.#chats.sorted(),
      open: this.#open,
      line: lineInWords(line, catchingUp),
      nowMs,
    });
    const notice = this.#stopCode ? endInWords(this.#stopCode) : noticeInWords(line, nowMs);
    this.#conversation.render({ isLive: this.#isLive, notice });
    this.#sheets.render();
    this.#title();
  }

  #title() {
    const nameOf = (id) => this.#names.of(id);
    const open = this.#open ? `${titleOf(this.#open.detail, this.#me.id, nameOf)} – ` : "";
    const unread = this.#chats.unread;
    document.title = `${unread > 0 ? `(${unread}) ` : ""}${open}Hubbub`;
  }
}
