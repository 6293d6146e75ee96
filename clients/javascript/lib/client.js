/**
 * A user's connection to Hubbub: it stays, comes back, catches up, and sends what is to be sent.
 */
import { Answers } from "./answers.js";
import { Chat } from "./chat.js";
import { clock as realClock } from "./clock.js";
import { Connection } from "./connection.js";
import { ProgramRest } from "./deletions.js";
import { Stopped, Unauthenticated, refusal } from "./errors.js";
import { Kept } from "./kept.js";
import { Order } from "./order.js";
import { Outbox } from "./outbox.js";
import { findMessages, readChats } from "./pages.js";
import { Pulls } from "./pulls.js";
import { Queue } from "./queue.js";
import { Session } from "./session.js";
import { BrowserStore, MemoryStore } from "./store.js";

const MAX_WAITING = 10_000; // events that the program has not taken yet
const MAX_MOMENTS = 1_000;
const REVOKED = 4502;

/**
 * Make one with `Client.open`; sign up or log in then, unless the store has a session already.
 * `events` gives each event of each chat once and in order, `chat(id).messages` what a chat says now.
 * Without a store everything begins anew with the program.
 */
export class Client {
  #kept;
  #session;
  #connection;
  #chats = new Map();
  #answers = new Answers();
  #events = new Queue();
  #moments = new Queue();
  #shown = new Map(); // chat -> seq up to which it was loaded
  #whenReady = [];
  #watched = null;
  #anew = []; // what is kept when the program has done with each "restarted" that waits
  #isHeard = false; // somebody iterates over `events`
  #isFull = false; // the program is slower than what comes
  #pulls;
  #begun = 0; // how often everything has begun anew, for another user
  #ended = null;

  /**
   * Goes on with the session that the store has, if there is one. `origin` is the server's address,
   * of a page its own; `store` is a `MemoryStore`, a `BrowserStore` or a `FileStore`. The rest is for
   * tests and for platforms that lack it.
   */
  static async open({ store = new MemoryStore(), ...rest } = {}) {
    const kept = new Kept(store);
    const client = new Client({ kept, store, left: await kept.read(), ...rest });
    if (client.rest.tokens !== null) await client.#start();
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
    this.rest = new ProgramRest({
      fetch, clock, random, origin: address, tokens: left.tokens,
      onTokens: (tokens) => kept.keepTokens(tokens), stored: () => kept.tokens(),
      locks: store instanceof BrowserStore ? globalThis.navigator.locks : undefined,
    });
    this.#pulls = new Pulls({
      rest: this.rest, session: this.#session, clock,
      follow: (outputs) => this.#follow(outputs),
      isFull: () => this.#isFull, isOver: () => this.#ended !== null,
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

  /** Ends the connection; what is unsent stays in the store, and whoever awaits it gets NoAnswer. */
  async close() {
    this.outbox.close();
    this.#end(new Stopped(1000, "closed by the program"));
    this.#connection.close();
  }

  // ---- sessions

  /** The user's id. Raises Unauthenticated where there is no session. */
  get user() {
    if (this.rest.tokens === null) throw refusal(401, { code: "unauthenticated", detail: "Log in." });
    return this.rest.tokens.user;
  }

  /** Makes an account, `{username, email, password, invite}`, and connects. Raises Refused. */
  async signUp(wanted) {
    await this.rest.signUp(wanted);
    await this.#start();
  }

  /** Connects. Raises InvalidCredentials. */
  async logIn({ username, password }) {
    await this.rest.logIn({ username, password });
    await this.#start();
  }

  /** Ends the session; the store keeps nothing of it, nor what the user has not sent. */
  async logOut() {
    await this.rest.logOut();
    await this.outbox.forget();
    await this.#kept.forget();
    await this.close();
  }

  /** Waits until the socket is there. Raises what ended the client for good. */
  async untilReady() {
    if (this.#ended !== null) throw this.#ended;
    if (this.#connection.state === "ready") return;
    await new Promise((resolve, reject) => this.#whenReady.push({ resolve, reject }));
  }

  /** "idle", "connecting", "ready", "waiting" or "stopped". */
  get state() {
    return this.#connection.state;
  }

  /** The network is back, or somebody looks: no more waiting. */
  hurry() {
    this.#connection.hurry();
  }

  // ---- what happens

  /**
   * Each event once, in the order of each chat's seqs, over all ends of sockets; where the server's
   * history is another one than before, `{type: "restarted", chat}`. An event counts as had when the
   * next one is asked for: with a store a program that is started again goes on after it. Raises
   * Stopped, or Unauthenticated where the session has ended.
   */
  async* events() {
    this.#isHeard = true;
    for (;;) {
      const event = await this.#events.take();
      if (this.#isFull && this.#events.size < MAX_WAITING / 2) this.#haveRoom();
      const begun = this.#begun;
      yield event;
      if (begun === this.#begun && this.#kept.user !== null) await this.#keepCursor(event);
    }
  }

  /** Typing, presence, and what other devices of the user did; lost while away. */
  async* moments() {
    for (;;) yield await this.#moments.take();
  }

  /** The chat with this id; always the same object. */
  chat(id) {
    if (!this.#chats.has(id)) this.#chats.set(id, new Chat(this, id, this.#shown));
    return this.#chats.get(id);
  }

  /**
   * The user's chats as `GET /api/chat` answers them, the newest message first: as many as `limit`,
   * however many of them a page has.
   */
  chats(limit = 200) {
    return readChats(this.rest, limit);
  }

  async createChat(name, ...participants) {
    const answer = await this.rest.call("POST", "/api/chat", { chatName: name, participants });
    return this.chat(answer.chat.id);
  }

  /** The one that the two have, which is made where there is none. */
  async directChat(user) {
    return this.chat((await this.rest.call("PUT", `/api/user/${user}/direct`)).chat.id);
  }

  /** Profiles by id, at most 200. */
  async users(...ids) {
    return (await this.rest.call("GET", `/api/user?ids=${ids.join(",")}`)).users;
  }

  /**
   * Messages with these words, of a user or in a chat where one is given, newest first, and where the
   * next page begins: `{messages, next}`.
   */
  search(text, wanted) {
    return findMessages(this.rest, text, wanted);
  }

  /**
   * The `applicationServerKey` of a subscription for push notifications; null where the server sends
   * none.
   */
  async pushKey() {
    return (await this.rest.call("GET", "/api/user/me/push")).publicKey;
  }

  /**
   * Has the server tell this browser of new messages for as long as the session lasts, of "all" or of
   * "mentions" and direct chats. `subscription` is a `PushSubscription`.
   */
  async savePush(subscription, { level = "all", silent = false } = {}) {
    const { endpoint, keys } = subscription.toJSON();
    await this.rest.call("PUT", "/api/user/me/push", { endpoint, keys, level, silent });
  }

  /** No more of it. */
  async dropPush() {
    await this.rest.call("DELETE", "/api/user/me/push");
  }

  /** From now on `moments` tells whether they are online; replaces the ones before. */
  watch(...users) {
    this.#watched = users;
    this.say({ type: "watch", users });
  }

  /** The seq up to which events of the chat have come. */
  cursor(chat) {
    return this.#session.cursor(chat);
  }

  /** A frame for which no answer is awaited. False while unconnected: then nothing happens. */
  say(frame) {
    return this.#connection.send(frame);
  }

  // ---- one socket after the other

  async #start() {
    const begun = this.#kept.user === this.user ? undefined : this.#beginAnew();
    this.#ended = null; // an earlier session may have ended
    this.#events.goOn();
    this.#moments.goOn();
    if (["idle", "stopped"].includes(this.#connection.state)) this.#connection.open();
    else if (this.#session.user === this.user) this.#connection.outlive();
    else this.#connection.reopen();
    await begun;
    await this.outbox.resume(this.user);
  }

  /** What came for the user before, and their place, is nothing to the one who logs in. */
  #beginAnew() {
    this.#session.beginAnew();
    this.#begun += 1;
    this.#events.clear();
    this.#moments.clear();
    this.#anew = [];
    this.#shown.clear();
    for (const chat of this.#chats.values()) chat.forget();
    this.#isFull = false;
    this.#pulls.goOn();
    return this.#kept.beginAnew(this.user);
  }

  /** What was loaded before the first socket is shown: events begin there. */
  #from(chat, from) {
    return this.#kept.epoch === null ? Math.min(from, this.#shown.get(chat) ?? from) : from;
  }

  #ready(frame) {
    const isFirst = this.#kept.epoch === null;
    if (!this.#heard(frame)) return;
    if (isFirst) { // from here on nothing is missed
      this.#kept.keepCursors(this.#session.cursors, this.#session.epoch);
    }
    if (this.#watched !== null) this.watch(...this.#watched);
    for (const { resolve } of this.#whenReady.splice(0)) resolve();
    this.outbox.hurry();
    // The session lives: a refusal that said otherwise stops nothing any longer.
    if (this.rest.tokens?.user === frame.user) this.outbox.resume(frame.user).catch(() => {});
  }

  #lineChanged(state, code, reason) {
    if (state !== "ready") this.#answers.fail();
    if (state !== "stopped" || this.#isFull) return;
    if (this.rest.tokens === null) {
      this.#end(refusal(401, { code: "unauthenticated", detail: "The session has ended." }));
    } else {
      if (code === REVOKED) this.#forgetTokens();
      this.#end(new Stopped(code, reason));
    }
  }

  /** The session is over: the next program logs in. */
  #forgetTokens() {
    this.#kept.forgetTokens(this.rest.tokens).catch(() => {});
    this.rest.tokens = null;
  }

  #end(error) {
    if (this.#ended !== null) return;
    this.#ended = error;
    this.#events.fail(error);
    this.#moments.fail(error);
    for (const { reject } of this.#whenReady.splice(0)) reject(error);
    this.#pulls.hurry();
  }

  // ---- what follows from what came

  /** False where it lacks what its type has. */
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
    for (const { deliver, restarted, pull, answer, moment } of outputs) {
      if (deliver) this.#deliver(deliver);
      else if (restarted !== undefined) this.#restarted(restarted);
      else if (pull) this.#pulls.begin(pull);
      else if (answer) this.#answers.came(answer);
      else if (moment) this.#moments.push(moment, MAX_MOMENTS);
    }
  }

  #deliver(event) {
    this.#chats.get(event.chat)?.apply(event);
    this.#give(event);
  }

  #restarted(chat) {
    for (const one of chat === null ? this.#chats.values() : [this.chat(chat)]) one.forget();
    this.#anew.push({ cursors: this.#session.cursors, epoch: this.#session.epoch });
    this.#give({ type: "restarted", chat });
  }

  #give(event) {
    this.#events.push(event);
    if (this.#events.size <= MAX_WAITING) return;
    if (this.#isHeard) {
      this.#isFull = true;
      this.#connection.close(); // and come back with room: nothing is lost
    } else { // nobody listens
      this.#events.clear();
      while (this.#anew.length > 0) this.#keepAnew(null);
    }
  }

  #haveRoom() {
    this.#isFull = false;
    if (this.#ended !== null) return;
    this.#pulls.goOn();
    if (this.#connection.state === "stopped") this.#connection.open();
  }

  // ---- sending

  /** By the socket where a message is sent and there is one, else by REST. */
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

  /** The program has done with the event. */
  async #keepCursor({ type, chat, seq }) {
    if (type === "restarted") await this.#keepAnew(chat);
    else if (this.#session.cursor(chat) > 0) {
      await this.#kept.keepCursors({ [chat]: seq }, this.#kept.epoch);
    } else await this.#kept.forgetCursor(chat);
  }

  /** The program knows of another history. What came of it since is not had by that. */
  async #keepAnew(chat) {
    const { cursors, epoch } = this.#anew.shift();
    if (chat === null) await this.#kept.forgetCursors();
    await this.#kept.keepCursors(chat === null ? cursors : { [chat]: cursors[chat] }, epoch);
  }
}
