/**
 * All chats of the person: which there are, bringing each up to date over REST, and handing
 * events to the right one. Shows nothing.
 */
import { Chat } from "./chat.js";
import { Refusal } from "./exchange.js";
import { History } from "./history.js";

const EVENTS_AT_ONCE = 200;
const SKIP_WHEN_BEHIND = 1_000;
const KEPT_EVENTS = 200;
const AT_ONCE = 4;
const RETRY_MS = 2_000;
const MOST_RESUMED = 1_000;
const SORTED_WITHIN_MS = 300;

export class Chats {
  #me;
  #api;
  #marks;
  #clock;
  #hear;
  #chats = new Map();
  #open = null;
  #filling = new Set();
  #history;
  #tails = [];
  #tailing = 0;
  #tailsLoaded = Promise.resolve();

  /**
   * `hear` is `{changed(), met(chat), applied(chat, event), left(chat)}`.
   */
  constructor({ me, api, marks, clock, hear }) {
    this.#me = me;
    this.#api = api;
    this.#marks = marks;
    this.#clock = clock;
    this.#hear = hear;
    this.#history = new History({ api });
  }

  /** True while chats are being brought up to date after a reconnect. */
  get catchingUp() {
    return this.#filling.size > 0;
  }

  get(id) {
    return this.#chats.get(id);
  }

  /** Newest event first. */
  sorted() {
    const known = [...this.#chats.values()].filter((chat) => chat.detail !== null);
    return known.sort((a, b) => b.lastMs - a.lastMs);
  }

  /** How much is unread in all of them. */
  get unread() {
    return this.sorted().reduce((sum, chat) => sum + chat.unread, 0);
  }

  /** The chat of exactly these two, if there is one. */
  withOnly(user) {
    return this.sorted().find(({ detail }) => (
      detail.participantCount === 2 && detail.participants.includes(user)
    ));
  }

  /**
   * The first page, which may be on its way already; the others behind it. Waits a moment for what
   * was said last in each, by which they are sorted: a list that is seen should stand still.
   */
  async load(firstPage) {
    this.#loadRest(this.#describeAll(await firstPage));
    const inTime = new Promise((resolve) => this.#clock.after(SORTED_WITHIN_MS, resolve));
    await Promise.race([inTime, this.#tailsLoaded]);
  }

  /** `{chatId: seq}` for the socket, of the chats with the newest events. */
  cursors() {
    const newest = this.sorted().slice(0, MOST_RESUMED);
    return Object.fromEntries(newest.map((chat) => [chat.id, chat.timeline.cursor]));
  }

  /** What the socket's first frame says: which chats there are and up to where. */
  ready({ chats: heads, behind }, { resumed, restored }) {
    const late = new Set(behind);
    for (const [id, chat] of this.#chats) if (!(id in heads)) this.#drop(chat);
    for (const [id, head] of Object.entries(heads)) {
      const chat = this.#ensure(id, head);
      if (chat.detail === null) this.#describe(chat);
      else if (restored || head < chat.timeline.cursor) this.#skip(chat, head);
      else if (late.has(id) || !(id in resumed)) this.#fill(chat, head);
    }
    this.#hear.changed();
  }

  /** An event or `typing` from the socket. */
  frame(frame) {
    if (frame.type === "typing") {
      if (frame.user !== this.#me) this.get(frame.chat)?.isTyping(frame.user, this.#clock.now());
    } else if (frame.seq !== undefined) {
      this.#apply(this.#ensure(frame.chat, frame.seq - 1), frame);
    }
    this.#hear.changed();
  }

  /** Makes a chat and gives it, described. */
  async create(wanted, key) {
    const made = await this.#api.createChat(wanted, key);
    const detail = await this.#api.chat(made.id);
    const chat = this.#ensure(made.id, detail.seq);
    chat.describe(detail);
    chat.read ??= chat.timeline.cursor;
    this.#wantTail(chat);
    this.#hear.changed();
    return chat;
  }

  /** The chat that is looked at keeps all its events; the others only the newest. */
  look(chat) {
    if (this.#open && this.#open !== chat) {
      this.#open.newAfter = null;
      this.#open.timeline.trim(KEPT_EVENTS);
    }
    this.#open = chat;
    if (chat) chat.isKeptUnread = false;
  }

  markRead(chat) {
    if (chat.read !== chat.timeline.cursor) this.#setRead(chat, chat.timeline.cursor);
  }

  /** Everything from this seq on counts as new again. */
  markUnread(chat, from) {
    this.#setRead(chat, from - 1);
    chat.newAfter = from - 1;
    chat.isKeptUnread = true;
    this.#hear.changed();
  }

  saveDraft(chat, text) {
    if (chat.draft === text) return;
    chat.draft = text;
    this.#marks.saveDraft(chat);
  }

  /** Another window read a chat or wrote in it. */
  marked(id, { read, draft }) {
    const chat = this.get(id);
    if (!chat) return;
    if (read !== undefined) chat.read = Math.min(read, chat.timeline.cursor);
    if (draft !== undefined) chat.draft = draft;
    this.#hear.changed();
  }

  /** Loads what came before a seq. Raises what the call raises, as the next two do. */
  loadBefore(chat, seq) {
    return this.#drawing(this.#history.before(chat, seq));
  }

  loadAfter(chat, seq) {
    return this.#drawing(this.#history.after(chat, seq));
  }

  loadAround(chat, seq) {
    return this.#drawing(this.#history.around(chat, seq));
  }

  async #drawing(loading) {
    await loading;
    this.#hear.changed();
  }

  #setRead(chat, read) {
    chat.read = read;
    this.#marks.saveRead(chat);
  }

  async #loadRest(next) {
    try {
      while (next) next = await this.#loadPage(next);
    } catch (error) {
      if (!error.final) this.#clock.after(RETRY_MS, () => this.#loadRest(next));
    }
  }

  async #loadPage(before) {
    return this.#describeAll(await this.#api.chats(before));
  }

  #describeAll({ chats, next }) {
    for (const detail of chats) {
      const chat = this.#ensure(detail.id, detail.seq);
      chat.describe(detail);
      this.#wantTail(chat);
    }
    this.#hear.changed();
    return next;
  }

  #ensure(id, cursor) {
    let chat = this.#chats.get(id);
    if (!chat) {
      chat = new Chat(id, this.#me, cursor);
      this.#chats.set(id, chat);
      this.#marks.restore(chat);
      this.#hear.met(chat);
    }
    return chat;
  }

  #apply(chat, event) {
    const applied = event.type === "chat.created" ? chat.join(event) : chat.apply(event);
    this.#took(chat, applied);
    if (chat.timeline.hasHole) this.#fill(chat, event.seq);
    if (chat.detail === null && chat.left === null) this.#describe(chat);
  }

  #took(chat, events) {
    for (const event of events) {
      // An invitation is news although nothing of the chat was ever read here.
      if (event.type === "chat.created" && event.by !== this.#me) chat.read ??= event.seq - 1;
      this.#hear.applied(chat, event);
    }
    if (events.length > 0) {
      if (chat.read === null) this.#setRead(chat, events[0].seq - 1);
      if (chat !== this.#open) chat.timeline.trim(KEPT_EVENTS);
      this.#marks.saveLatest(chat);
    }
    if (chat.left !== null) this.#drop(chat);
  }

  async #describe(chat) {
    await this.#patiently(chat, async () => {
      chat.describe(await this.#api.chat(chat.id));
      this.#wantTail(chat);
    });
  }

  /** Fetches what lies between the cursor and what is known to exist. */
  async #fill(chat, head) {
    if (head <= chat.timeline.cursor && !chat.timeline.hasHole) return;
    if (head - chat.timeline.cursor > SKIP_WHEN_BEHIND) {
      this.#skip(chat, head);
      return;
    }
    await this.#patiently(chat, async () => {
      for (let more = true; more || chat.timeline.hasHole; ) {
        const page = await this.#api.events(chat.id, chat.timeline.cursor, EVENTS_AT_ONCE);
        for (const event of page.events) this.#took(chat, chat.apply(event));
        more = page.more;
        if (page.events.length === 0) break;
      }
    });
  }

  #skip(chat, head) {
    this.#took(chat, chat.skipTo(head));
    chat.detail = { ...chat.detail, seq: 0 };
    chat.read = Math.min(chat.read ?? head, head);
    this.#describe(chat);
  }

  /** One errand at a time for a chat, again until it is done or the chat is not ours any more. */
  async #patiently(chat, errand) {
    if (this.#filling.has(chat)) return;
    this.#filling.add(chat);
    try {
      await errand();
      // A hole may have shown while the errand was another one.
      if (chat.timeline.hasHole) this.#clock.after(RETRY_MS, () => this.#fill(chat, 0));
    } catch (error) {
      if (error instanceof Refusal && error.code === "not_found") this.#drop(chat);
      else if (!error.final) this.#clock.after(RETRY_MS, () => this.#patiently(chat, errand));
    } finally {
      this.#filling.delete(chat);
      this.#hear.changed();
    }
  }

  #drop(chat) {
    if (this.#chats.get(chat.id) !== chat) return;
    this.#chats.delete(chat.id);
    this.#marks.forget(chat.id);
    this.#hear.left(chat);
  }

  /** The last events of a chat, for its line in the list and for a quick first look. */
  #wantTail(chat) {
    const { cursor } = chat.timeline;
    const known = chat.latestAsOf === cursor && chat.read === cursor;
    if (known || chat.timeline.tail.items.length > 0 || this.#tails.includes(chat)) return;
    this.#tails.push(chat);
    if (this.#tailing < AT_ONCE) {
      this.#tailsLoaded = Promise.all([this.#tailsLoaded, this.#loadTails()]);
    }
  }

  async #loadTails() {
    this.#tailing += 1;
    for (let chat; (chat = this.#tails.shift()) !== undefined; ) {
      if (chat.read === null) this.#setRead(chat, chat.timeline.cursor);
      try {
        await this.#history.tail(chat);
      } catch {
        continue; // the line in the list stays empty; looking at the chat loads it again
      }
      this.#marks.saveLatest(chat);
      this.#hear.changed();
    }
    this.#tailing -= 1;
  }
}
