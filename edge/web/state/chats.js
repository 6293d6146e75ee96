/**
 * All chats of the user: their list, their state, and dispatching events to them. Shows nothing.
 */
import { CatchUp } from "./catch-up.js";
import { Chat } from "./chat.js";
import { Session } from "../client/session.js";
import { Markers } from "./markers.js";
import { otherOf } from "../text/words.js";

const KEPT_EVENTS = 200;
const RETRY_MS = 2_000;
const SKIP_WHEN_BEHIND = 1_000;
const LONG_AWAY_MS = 60_000;
const SPREAD_MS = 10_000;

export class Chats {
  #me;
  #api;
  #marks;
  #clock;
  #random;
  #hear;
  #chats = new Map();
  #open = null;
  #catchUp;
  #markers;
  #logs;
  #session;
  #isListing = false;
  isListed = false; // the server's whole list was taken

  /**
   * `hear` is `{changed(), met(chat), applied(chat, event), left(chat)}`; `tellRead(chat, upTo)` as
   * `Markers` sends; `logs` is a `KeptLogs`.
   */
  constructor({ me, api, marks, logs, clock, random, tellRead, hear }) {
    this.#me = me;
    this.#api = api;
    this.#marks = marks;
    this.#logs = logs;
    this.#clock = clock;
    this.#random = random;
    this.#hear = hear;
    this.#markers = new Markers({ send: tellRead, clock });
    this.#session = new Session({
      user: me, make: (id, _, seen) => this.#ensure(id, seen), // everything before is history
    });
    this.#catchUp = new CatchUp({
      api, clock, session: this.#session, isOpen: (chat) => chat === this.#open,
      hear: {
        followed: (outputs) => this.#follow(outputs),
        gone: (chat, pull) => this.#lost(chat, pull),
        done: hear.changed,
      },
    });
  }

  /** True while chats are being brought up to date after a reconnect. */
  get catchingUp() {
    return this.#catchUp.isUnderway;
  }

  get(id) {
    return this.#chats.get(id);
  }

  /** Newest message first. */
  sorted() {
    const known = [...this.#chats.values()].filter((chat) => chat.detail !== null)
      .map((chat) => ({ chat, ms: chat.lastMs }));
    return known.sort((a, b) => b.ms - a.ms).map(({ chat }) => chat);
  }

  /** The number of messages that need attention in all chats. */
  get waiting() {
    return this.sorted().reduce((sum, chat) => sum + chat.waiting, 0);
  }

  /** The direct chat with somebody, created if there is none. Raises what the call raises. */
  async meet(user) {
    const known = this.sorted().find(({ detail }) => otherOf(detail, this.#me) === user);
    if (known) return known;
    const detail = await this.#api.directChat(user);
    const chat = this.#ensure(detail.id, detail.seq);
    this.#describe(chat, detail);
    this.#hear.changed();
    return chat;
  }

  /** The chats as last stored in this browser. */
  restore() {
    for (const kept of this.#marks.chats()) {
      const chat = this.#ensure(kept.id, kept.seq);
      chat.describe(kept);
      chat.isTold = false;
    }
  }

  /** Loads the first page of the list, which may already be requested; then the others. */
  async load(firstPage) {
    this.#isListing = true;
    this.#loadRest(this.#takePage(await firstPage));
  }

  /** The content of the client's first frame, as in `Session`. */
  hello() {
    return this.#session.hello();
  }

  /** The server's first frame: the chats, their heads and read markers. */
  ready(frame, awayMs) {
    const { chats: heads, read = {}, epoch } = frame;
    this.#logs.began(epoch);
    const markers = this.#markers.settle(read);
    for (const [id, chat] of this.#chats) if (!(id in heads)) this.#drop(chat);
    const outputs = this.#session.receive(frame);
    for (const [id, head] of Object.entries(heads)) {
      const chat = this.get(id);
      if (chat.detail !== null) this.#moveMarker(chat, markers.get(id) ?? chat.read);
      else if (!this.#isListing) this.#catchUp.describe(chat); // otherwise the list has it
      if (this.#logs.isForeign(chat)) this.#skip(chat, head);
    }
    this.#follow(outputs);
    if (awayMs > LONG_AWAY_MS) this.#listAgain();
    this.#hear.changed();
  }

  /** An event from the socket, `typing`, or an action on another device. */
  frame(frame) {
    if (frame.type === "typing") {
      if (frame.user !== this.#me) this.get(frame.chat)?.isTyping(frame.user, this.#clock.now());
    } else if (frame.type === "read") this.#readElsewhere(frame);
    else if (frame.type === "mine") this.#setMine(this.get(frame.chat), frame);
    else if (frame.seq !== undefined) this.#apply(frame);
    this.#hear.changed();
  }

  /** Creates a chat and returns it with its details. */
  async create(wanted, key) {
    const made = await this.#api.createChat(wanted, key);
    const detail = await this.#api.chat(made.id);
    const chat = this.#ensure(made.id, detail.seq);
    this.#describe(chat, detail);
    this.#hear.changed();
    return chat;
  }

  /** The open chat keeps all its events; the others only the newest. */
  look(chat) {
    if (this.#open && this.#open !== chat) {
      this.#open.newAfter = null;
      this.#open.timeline.trim(KEPT_EVENTS);
    }
    this.#open = chat;
    if (chat === null) return;
    this.#catchUp.goOn();
    chat.isKeptUnread = false;
    chat.catchUpTo = chat.isTold ? null : Infinity;
    this.#openLog(chat);
  }

  /** Everything of a chat has been seen. */
  markRead(chat) {
    const { cursor } = chat.timeline;
    if (chat.read === cursor || (chat.unread === 0 && !chat.isMiscounted)) return;
    this.#moveMarker(chat, cursor);
    this.#markers.read(chat.id, cursor);
  }

  /** Marks everything from this seq on as unread. Raises what the call raises. */
  async markUnread(chat, from) {
    const { read, newAfter, isKeptUnread } = chat;
    this.#markers.forget(chat.id);
    this.#keepUnread(chat, from - 1);
    this.#hear.changed();
    try {
      await this.#api.markUnread(chat.id, from);
    } catch (error) {
      if (chat.read === from - 1) { // nothing else has been said meanwhile
        Object.assign(chat, { newAfter, isKeptUnread });
        this.#moveMarker(chat, read);
        this.#markers.read(chat.id, read);
        this.#hear.changed();
      }
      throw error;
    }
  }

  /** `{notify}`, `{archived}` or both. Raises what the call raises. */
  async changeMine(chat, changes) {
    const before = chat.mine;
    this.#setMine(chat, { ...before, ...changes });
    const wished = chat.mine;
    const set = (mine) => chat.mine === wished && this.#setMine(chat, mine); // unless newer is known
    this.#hear.changed();
    try {
      set(await this.#api.changeMine(chat.id, changes));
    } catch (error) {
      set(before);
      throw error;
    } finally {
      this.#hear.changed();
    }
  }

  /** `answered` is the message that the draft replies to, or null. */
  saveDraft(chat, text, answered = chat.answered) {
    if (chat.draft === text && chat.answered === answered) return;
    chat.draft = text;
    chat.answered = answered;
    this.#marks.saveDraft(chat);
  }

  /** An unfinished edit of a message, `{row, text}`, or null. */
  saveEdit(chat, edit) {
    chat.edit = edit;
    this.#marks.saveDraft(chat);
  }

  /** Another window wrote in a chat. */
  drafted({ chat: id, draft, answered, edit = null }) {
    const chat = this.get(id);
    if (!chat) return;
    Object.assign(chat, { draft, answered, edit });
    this.#hear.changed();
  }

  /** More of a chat's history was loaded. */
  loaded(chat) {
    this.#logs.changed(chat);
    this.#hear.changed();
  }

  async #openLog(chat) {
    if (await this.#logs.open(chat)) this.#hear.changed();
    else this.#logs.changed(chat);
  }

  async #loadRest(next) {
    try {
      while (next) next = this.#takePage(await this.#api.chats(next));
    } catch (error) {
      if (!error.final) this.#clock.after(RETRY_MS, () => this.#loadRest(next));
      return;
    }
    this.#isListing = false;
    this.isListed = true;
    for (const chat of this.#chats.values()) {
      if (chat.detail === null) this.#catchUp.describe(chat); // the chat is newer than the list
    }
  }

  /**
   * After a long absence, reloads what other devices changed; with a delay, so that not all clients
   * ask at once.
   */
  #listAgain() {
    this.#clock.after(this.#random() * SPREAD_MS, async () => {
      try {
        this.#loadRest(this.#takePage(await this.#api.chats()));
      } catch (error) {
        if (error.code === undefined) throw error; // the next long absence tries again
      }
    });
  }

  #takePage({ chats, next }) {
    for (const detail of chats) this.#describe(this.#ensure(detail.id, detail.seq), detail);
    this.#hear.changed();
    return next;
  }

  #describe(chat, detail) {
    const { cursor, isEmpty } = chat.timeline;
    chat.describe(detail);
    chat.isTold = true;
    if (chat.catchUpTo !== null) chat.catchUpTo = detail.seq;
    // Events of chats that were never viewed are history, not missing.
    if (isEmpty && detail.seq > cursor) this.#follow(this.#session.skip(chat.id, detail.seq));
    else this.#follow(this.#session.missing(chat.id, detail.seq));
    this.#changed(chat);
  }

  #ensure(id, cursor) {
    let chat = this.#chats.get(id);
    if (!chat) {
      chat = new Chat(id, this.#me, cursor);
      this.#chats.set(id, chat);
      this.#session.add(id, chat);
      Object.assign(chat, this.#marks.draftOf(id));
      this.#hear.met(chat);
    }
    return chat;
  }

  #apply(event) {
    this.#follow(this.#session.receive(event));
    const chat = this.get(event.chat);
    if (chat?.detail === null) this.#catchUp.describe(chat);
  }

  /** Handles the outputs of a session for one frame or page. */
  #follow(outputs) {
    const events = outputs.flatMap(({ deliver }) => deliver ?? []);
    if (events.length > 0) this.#took(this.get(events[0].chat), events);
    for (const { pull, restarted } of outputs) {
      if (pull) this.#fill(pull);
      else if (restarted === null) for (const chat of this.#chats.values()) this.#anew(chat);
      else if (restarted !== undefined) this.#anew(this.get(restarted));
    }
  }

  #fill(pull) {
    const chat = this.get(pull.chat);
    if (pull.to - pull.after > SKIP_WHEN_BEHIND) this.#skip(chat, pull.to);
    else this.#catchUp.fill(chat, pull);
  }

  /** Continues at the head: everything before it is history. */
  #skip(chat, head) {
    this.#follow(this.#session.skip(chat.id, head));
    this.#anew(chat);
  }

  #anew(chat) {
    if (chat.detail !== null) chat.detail = { ...chat.detail, seq: 0 };
    this.#catchUp.describe(chat);
  }

  #took(chat, events) {
    for (const event of events) {
      this.#logs.changed(chat, event);
      this.#hear.applied(chat, event);
      // After rejoining, the chat keeps the user's settings, such as muting.
      if (event.type === "chat.created" && event.seq > 1) this.#catchUp.describe(chat);
    }
    if (events.length > 0) {
      if (chat !== this.#open) chat.timeline.trim(KEPT_EVENTS);
      this.#changed(chat);
    }
    // While more pages follow, the user may have been added again.
    if (chat.left !== null && !this.#session.isPulling(chat.id)) this.#drop(chat);
  }

  #readElsewhere({ chat: id, upTo, back = false }) {
    const chat = this.get(id);
    if (!chat || (!back && upTo <= chat.read)) return;
    if (back) {
      this.#markers.forget(id);
      this.#keepUnread(chat, upTo);
    } else this.#moveMarker(chat, upTo);
  }

  /** Viewing the chat does not mark it as read until the user leaves it. */
  #keepUnread(chat, read) {
    this.#moveMarker(chat, read);
    if (chat !== this.#open) return;
    chat.newAfter = read;
    chat.isKeptUnread = true;
  }

  #moveMarker(chat, read) {
    if (read === chat.read) return;
    chat.readTo(read);
    this.#changed(chat);
  }

  #setMine(chat, { notify, archived }) {
    if (!chat) return;
    chat.mine = { notify, archived };
    this.#changed(chat);
  }

  /** The state that this browser stores of it has changed. */
  #changed(chat) {
    if (chat.isMiscounted) this.#catchUp.recount(chat);
    if (chat.detail !== null) this.#marks.saveChat(chat);
  }

  /** The user may have been added again meanwhile. */
  #lost(chat, pull) {
    const outputs = pull ? this.#session.gone(pull) : [];
    const again = outputs.findIndex(({ deliver }) => deliver?.type === "chat.created");
    if (again >= 0) this.#follow(outputs.slice(again));
    else {
      chat.left = outputs[0]?.deliver ?? null;
      this.#drop(chat);
    }
  }

  #drop(chat) {
    if (this.#chats.get(chat.id) !== chat) return;
    this.#chats.delete(chat.id);
    this.#session.forget(chat.id);
    this.#marks.forget(chat.id, { isOver: chat.left?.type === "chat.deleted" });
    this.#logs.forget(chat.id);
    this.#hear.left(chat);
  }
}
