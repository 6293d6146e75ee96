/**
 * A user's connection to Hubbub: reconnects, catches up, and sends pending changes.
 */
import { Answers } from "./answers.js";
import { Chat } from "./chat.js";
import { clock as realClock } from "./clock.js";
import { Connection } from "./connection.js";
import { ProgramRest } from "./deletions.js";
import { Stopped, Unauthenticated, refusal } from "./errors.js";
import { Inbox } from "./inbox.js";
import { Kept } from "./kept.js";
import { Order } from "./order.js";
import { Outbox } from "./outbox.js";
import { findMessages, readChats } from "./pages.js";
import { Pulls } from "./pulls.js";
import { Queue } from "./queue.js";
import { Session } from "./session.js";
import { BrowserStore, MemoryStore } from "./store.js";

const MAX_MOMENTS = 1_000; // that the program has not consumed yet
const REVOKED = 4502;

/**
 * Create one with `Client.open`; then sign up or log in, unless the store already has a session.
 * `events` yields each event of each chat once and in order; `chat(id).messages` are a chat's
 * current messages. Without a store, every program starts from scratch.
 */
export class Client {
  #kept;
  #session;
  #connection;
  #chats = new Map();
  #answers = new Answers();
  #inbox;
  #moments = new Queue();
  #shown = new Map(); // chat -> seq up to which it was loaded
  #whenReady = [];
  #watched = null;
  #pulls;
  #ended = null;
  #isLeaving = false; // a log-out is under way
  #closes = 0; // how often the program has closed it

  /**
   * Continues the session in `store`, a `MemoryStore`, `BrowserStore` or `FileStore`, if it has one.
   * `origin` is the server's address, for a page its own. The rest is for tests and other platforms.
   */
  static async open({ store = new MemoryStore(), ...rest } = {}) {
    const kept = new Kept(store);
    const client = new Client({ kept, store, left: await kept.read(), ...rest });
    try {
      if (client.rest.tokens !== null) await client.#start();
    } catch (error) {
      await client.close();
      throw error;
    }
    return client;
  }

  constructor({
    kept, store, left, origin = globalThis.location?.origin ?? "http://127.0.0.1:8000",
    fetch = (...request) => globalThis.fetch(...request), WebSocket = globalThis.WebSocket,
    clock = realClock, random = Math.random,
  }) {
    if (!WebSocket) throw new TypeError("There is no WebSocket here: give one to Client.open.");
    const address = origin.replace(/\/$/, "");
    this.#kept = kept;
    this.#session = new Session({
      ...left, make: (chat, from) => new Order(this.#from(chat, from)),
    });
    this.#inbox = new Inbox({
      kept, session: this.#session, hear: {
        full: () => this.#connection.close(), // nothing is lost: it reconnects when there is room
        room: () => this.#haveRoom(),
        dropped: (cursors) => this.#goBack(cursors),
        failed: (error) => this.#finish(error),
      },
    });
    this.rest = new ProgramRest({
      fetch, clock, random, origin: address, tokens: left.tokens,
      onTokens: (tokens, ended) => kept.keepTokens(tokens, ended), stored: () => kept.tokens(),
      locks: store instanceof BrowserStore ? globalThis.navigator.locks : undefined,
    });
    this.#pulls = new Pulls({
      rest: this.rest, session: this.#session, clock,
      follow: (outputs) => this.#follow(outputs),
      isFull: () => this.#inbox.isFull, isOver: () => this.#ended !== null,
    });
    this.outbox = new Outbox({
      store, clock, random, perform: (change, user) => this.#perform(change, user),
    });
    this.#connection = new Connection({
      WebSocket, clock, random, url: `${address.replace(/^http/, "ws")}/ws`,
      token: ({ renew }) => (renew ? this.rest.renew() : this.rest.accessToken()),
      hello: () => this.#session.hello(),
      hear: {
        state: (state, code, reason) => this.#lineChanged(state, code, reason),
        ready: (frame) => this.#ready(frame),
        frame: (frame) => this.#heard(frame),
      },
    });
  }

  /** Ends the connection and repeats; unsent changes stay stored, and their callers get NoAnswer. */
  async close() {
    this.#closes += 1;
    this.rest.endRepeats();
    this.outbox.close();
    this.#finish(closedByProgram());
  }

  // ---- sessions

  /** The user's id. Raises Unauthenticated without a session. */
  get user() {
    if (this.rest.tokens === null) throw refusal(401, { code: "unauthenticated", detail: "Log in." });
    return this.rest.tokens.user;
  }

  /** Creates an account, `{username, email, password, invite}`, and connects. Raises Refused. */
  async signUp(wanted) {
    await this.#start(this.rest.signUp(wanted));
  }

  /** Connects. Raises InvalidCredentials. */
  async logIn({ username, password }) {
    await this.#start(this.rest.logIn({ username, password }));
  }

  /** Ends the session; removes it and the user's unsent changes from the store. */
  async logOut() {
    const { user } = this.#kept;
    this.#isLeaving = true;
    try {
      await this.rest.logOut();
    } finally {
      this.#isLeaving = false;
    }
    const now = this.rest.tokens?.user; // who has logged in meanwhile
    const forgetting = now === user ? [] : [this.outbox.forget(user)];
    if (now === undefined) {
      this.#watched = null;
      forgetting.push(this.#kept.forget());
      this.#finish(closedByProgram());
    }
    await Promise.all(forgetting);
  }

  /** Waits until the socket is ready. Raises the error that ended the client permanently. */
  async untilReady() {
    if (this.#ended !== null) throw this.#ended;
    if (this.#connection.state === "ready") return;
    await new Promise((resolve, reject) => this.#whenReady.push({ resolve, reject }));
  }

  /** "idle", "connecting", "ready", "waiting" or "stopped". */
  get state() {
    return this.#connection.state;
  }

  /** The network is back, or the user is looking: reconnects at once. */
  hurry() {
    this.#connection.hurry();
  }

  // ---- what happens

  /**
   * Yields each event once, in the order of each chat's seqs, across reconnects; `{type:
   * "restarted", chat}` if the server's history was replaced. An event counts as processed when the
   * next one is requested, by this loop or another: a restarted program with a store continues
   * after it. A new loop ends an earlier one. Raises Stopped, or Unauthenticated if the session has
   * ended; Stopped with the code 1000 when the client is closed or has logged out.
   */
  events() {
    return this.#inbox.events();
  }

  /** Typing, presence, and actions of the user's other devices; missed while disconnected. */
  moments() {
    return this.#moments.loop();
  }

  /** The chat with this id; always the same object. */
  chat(id) {
    if (!this.#chats.has(id)) this.#chats.set(id, new Chat(this, id, this.#shown));
    return this.#chats.get(id);
  }

  /** The user's chats as returned by `GET /api/chat`, newest message first; up to `limit`. */
  chats(limit = 200) {
    return readChats(this.rest, limit);
  }

  async createChat(name, ...participants) {
    const answer = await this.rest.call("POST", "/api/chat", { chatName: name, participants });
    return this.chat(answer.chat.id);
  }

  /** The direct chat of the two users, created if there is none. */
  async directChat(user) {
    return this.chat((await this.rest.call("PUT", `/api/user/${user}/direct`)).chat.id);
  }

  /** Profiles by id, at most 200. */
  async users(...ids) {
    return (await this.rest.call("GET", `/api/user?ids=${ids.join(",")}`)).users;
  }

  /**
   * Messages with these words, optionally only of a user or in a chat, newest first, and where the
   * next page begins: `{messages, next}`.
   */
  search(text, wanted) {
    return findMessages(this.rest, text, wanted);
  }

  /** The `applicationServerKey` of push subscriptions; null if the server sends none. */
  async pushKey() {
    return (await this.rest.call("GET", "/api/user/me/push")).publicKey;
  }

  /**
   * Makes the server notify this browser of new messages while the session lasts. `level` is "all",
   * or "mentions", which includes direct chats. `subscription` is a `PushSubscription`.
   */
  async savePush(subscription, { level = "all", silent = false } = {}) {
    const { endpoint, keys } = subscription.toJSON();
    await this.rest.call("PUT", "/api/user/me/push", { endpoint, keys, level, silent });
  }

  /** Ends these notifications. */
  async dropPush() {
    await this.rest.call("DELETE", "/api/user/me/push");
  }

  /** From now on `moments` reports whether these users are online; replaces the previous list. */
  watch(...users) {
    this.#watched = users;
    this.say({ type: "watch", users });
  }

  /** The seq up to which events of the chat have arrived. */
  cursor(chat) {
    return this.#session.cursor(chat);
  }

  /** Sends a frame that gets no answer. False while disconnected: then nothing happens. */
  say(frame) {
    return this.#connection.send(frame);
  }

  // ---- one socket after the other

  /** Once somebody has logged in. Raises Stopped if the program closes the client meanwhile. */
  async #start(loggedIn) {
    const closes = this.#closes;
    const expectOpen = () => { if (closes !== this.#closes) throw closedByProgram(); };
    await loggedIn?.finally(expectOpen); // also if it failed: its repeats have ended
    const isOther = this.#kept.user !== this.user;
    const begun = isOther ? this.#beginAnew() : undefined;
    this.#ended = null; // an earlier session may have ended
    this.#inbox.waiting.goOn();
    this.#moments.goOn();
    if (["idle", "stopped"].includes(this.#connection.state)) this.#connection.open();
    else if (isOther) this.#connection.reopen();
    else {
      this.#connection.outlive();
      this.#connection.hurry();
    }
    // From here on changes are this user's, although the store may take its time.
    await Promise.all([begun, this.outbox.resume(this.user)]);
    expectOpen();
  }

  /** Drops the previous user's events and position for the one who logs in. */
  #beginAnew() {
    if (this.#kept.user !== null) this.#watched = null;
    this.#session.beginAnew();
    this.#inbox.clear();
    this.#moments.clear();
    this.#shown.clear();
    for (const chat of this.#chats.values()) chat.forget();
    this.#pulls.goOn();
    return this.#kept.beginAnew(this.user);
  }

  /** Chats loaded before the first socket: their events begin there. */
  #from(chat, from) {
    return this.#kept.epoch === null ? Math.min(from, this.#shown.get(chat) ?? from) : from;
  }

  #ready(frame) {
    const isFirst = this.#kept.epoch === null;
    if (!this.#heard(frame)) return;
    if (isFirst) { // from here on no event is missed
      this.#kept.keepCursors(this.#session.cursors, this.#session.epoch)
        .catch((error) => this.#finish(error));
    }
    if (this.#watched !== null) this.watch(...this.#watched);
    for (const { resolve } of this.#whenReady.splice(0)) resolve();
    this.outbox.hurry();
    // The session is valid: an earlier refusal no longer stops anything.
    if (this.rest.tokens?.user === frame.user) this.outbox.resume(frame.user).catch(() => {});
  }

  #lineChanged(state, code, reason) {
    if (state !== "ready") this.#answers.fail();
    if (state !== "stopped" || this.#inbox.isFull) return;
    const isOver = this.rest.tokens === null;
    if (code === REVOKED && !isOver) this.rest.forget().catch(() => {});
    // The end of the session may be noticed here before the log-out is done.
    if (this.#isLeaving && this.rest.tokens === null) this.#end(closedByProgram());
    else if (isOver) {
      this.#end(refusal(401, { code: "unauthenticated", detail: "The session has ended." }));
    } else this.#end(new Stopped(code, reason));
  }

  /** Ends it here, whatever the server says. */
  #finish(error) {
    this.#end(error);
    this.#connection.close();
  }

  #end(error) {
    if (this.#ended !== null) return;
    this.#ended = error;
    this.#inbox.waiting.fail(error);
    this.#moments.fail(error);
    for (const { reject } of this.#whenReady.splice(0)) reject(error);
    this.#pulls.hurry();
  }

  // ---- what follows from what came

  /** False if it lacks a field of its type. */
  #heard(frame) {
    let outputs;
    try {
      outputs = this.#session.receive(frame);
    } catch (error) {
      this.#connection.misunderstand(error);
      return false;
    }
    this.#follow(outputs);
    return true;
  }

  #follow(outputs) {
    for (const { deliver, restarted, pull, answer, moment, full } of outputs) {
      if (deliver) this.#deliver(deliver);
      else if (restarted !== undefined) this.#restarted(restarted);
      else if (pull) this.#pulls.load(pull);
      else if (answer) this.#answers.came(answer);
      else if (moment) this.#moments.push(moment, MAX_MOMENTS);
      else if (full && this.#ended === null) this.#connection.reopen();
    }
  }

  #deliver(event) {
    this.#chats.get(event.chat)?.apply(event);
    this.#inbox.push(event);
  }

  #restarted(chat) {
    for (const one of chat === null ? this.#chats.values() : [this.chat(chat)]) one.forget();
    this.#inbox.push({ type: "restarted", chat });
  }

  /** To the place of the program, on another socket. */
  #goBack(cursors) {
    this.#session.goBack(cursors);
    this.#connection.reopen();
  }

  #haveRoom() {
    if (this.#ended !== null) return;
    this.#pulls.goOn();
    if (this.#connection.state === "stopped") this.#connection.open();
  }

  // ---- sending

  /** Sends messages over the socket if there is one, everything else over REST. */
  #perform({ key, chat, method, path, body }, user) {
    const frame = { type: "send", chat, ...body };
    const hasSocket = this.#connection.state === "ready" && this.#session.user === user;
    if (!hasSocket || !this.#answers.canCome(frame, this.#session.maxFrame)) {
      return this.rest.call(method, path, body, { key, repeatMs: 0, user });
    }
    const answer = this.#answers.wait(frame);
    this.#connection.send(frame);
    return answer;
  }
}

function closedByProgram() {
  return new Stopped(1000, "closed by the program");
}
