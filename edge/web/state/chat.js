/**
 * One chat from the user's view: name, people, timeline, read marker, who is typing. Changed by
 * events and server answers; does no I/O.
 */
import { change, changesMessage, isBlank } from "../client/fold.js";
import { madeAt } from "../client/ids.js";
import { Timeline } from "../client/timeline.js";
import { Unread } from "./unread.js";

const TYPING_MS = 5_000;

export class Chat {
  #me;
  #typing = new Map(); // user -> ms at which it ends
  #unread;

  constructor(id, me, cursor) {
    this.id = id;
    this.#me = me;
    this.#unread = new Unread(me);
    this.detail = null; // {kind, chatName, topic, participants, participantCount, owner, seq}
    this.timeline = new Timeline(me, cursor);
    this.mine = { notify: "all", archived: false };
    this.newAfter = null; // the seq above the "New" line while the chat is open
    this.isTold = true; // by the server; false while everything is from this browser's storage
    this.catchUpTo = null; // if opened before that: a seq, Infinity until the server answers
    this.isKeptUnread = false; // marked as unread while open: viewing does not mark it as read
    this.draft = "";
    this.answered = null; // the row that the draft replies to
    this.edit = null; // {row, text}: an unfinished edit of a message
    this.files = []; // those chosen for the next message, with their names; only in this window
    this.latest = null; // the newest message, even if not loaded
    this.latestAsOf = 0; // the seq up to which `latest` is correct
    this.left = null; // the event that removed this person
  }

  /** The seq up to which it is read; null until known. */
  get read() {
    return this.#unread.read;
  }

  /** The number of unread messages by others, at most 100. */
  get unread() {
    return this.#unread.count;
  }

  /** How many of those mention this person. */
  get mentions() {
    return this.#unread.mentions;
  }

  /** True while only the server can say how much is unread. */
  get isMiscounted() {
    return this.#unread.isStale;
  }

  /** How many messages need attention, by the chat's notification setting. */
  get waiting() {
    if (this.mine.archived || this.mine.notify === "none") return 0;
    return this.mine.notify === "mentions" ? this.mentions : this.unread;
  }

  /** The seq of the newest message if it is somebody else's, or null. */
  get latestNews() {
    const isNews = this.latest !== null && this.latest.by !== this.#me && !isBlank(this.latest);
    return isNews ? this.latest.seq : null;
  }

  /** The sort key of lists, in milliseconds. */
  get lastMs() {
    const unsent = this.timeline.unsent.at(-1);
    return Math.max(
      this.latest ? Date.parse(this.latest.at) : madeAt(this.id),
      unsent ? Date.parse(unsent.at) : 0,
    );
  }

  get isOwner() {
    return this.detail?.owner === this.#me;
  }

  /** The chat from REST, or a `chat.created`; newer events change it further. */
  describe(said) {
    if (this.detail === null || said.seq >= this.detail.seq) {
      const { kind, chatName, topic, participants, participantCount, owner, seq } = said;
      this.detail = { kind, chatName, topic, participants, participantCount, owner, seq };
    }
    if (said.mine === undefined) return;
    // The newest message and the counts are read after the chat, so they may be newer.
    const asOf = Math.max(said.seq, said.last?.seq ?? 0);
    const seq = this.latest?.seq ?? 0;
    if (said.last && (said.last.seq > seq || (said.last.seq === seq && asOf >= this.latestAsOf))) {
      this.latest = said.last;
      this.latestAsOf = asOf;
    }
    this.#unread.take(said.mine, asOf, this.timeline);
    const { notify, archived } = said.mine;
    this.mine = { notify, archived: archived && seq <= (said.last?.seq ?? 0) };
  }

  /** The interface for `Session`: this, `hasGap`, `hold`, `takeEarly`, `apply` and `reset`. */
  get cursor() {
    return this.timeline.cursor;
  }

  get hasGap() {
    return this.timeline.hasGap;
  }

  hold(event) {
    this.timeline.hold(event);
  }

  takeEarly() {
    return this.timeline.takeEarly();
  }

  /** The events that were added to the order. */
  apply(event) {
    const about = event.of === undefined ? undefined : this.timeline.messageAt(event.of);
    const applied = this.timeline.apply(event);
    return this.#took(applied, applied[0] === event ? about : undefined);
  }

  /** Continues after `cursor`; everything between is history, loaded when viewed. */
  reset(cursor) {
    return this.#took(this.timeline.reset(cursor));
  }

  /** Adds a range of seqs, as `Timeline.cover` takes it. */
  learn(page) {
    const isTaken = this.timeline.cover(page);
    const newest = this.timeline.tail.items.findLast((item) => item.type === "message");
    if (newest && newest.seq >= (this.latest?.seq ?? 0)) {
      this.latest = newest;
      this.latestAsOf = this.timeline.cursor;
    }
    return isTaken;
  }

  /** Everything up to this seq is read, and everything above is unread. */
  readTo(seq) {
    this.#unread.moveTo(seq, this.timeline);
  }

  isTyping(user, nowMs) {
    this.#typing.set(user, nowMs + TYPING_MS);
  }

  /** Ids of those who typed within the last seconds. */
  typists(nowMs) {
    for (const [user, until] of this.#typing) {
      const leftMs = until - nowMs;
      if (leftMs <= 0 || leftMs > TYPING_MS) this.#typing.delete(user); // or the clock was set back
    }
    return [...this.#typing.keys()];
  }

  /** A snapshot on (re)joining: the history before it can be loaded. */
  #join(event) {
    this.left = null;
    this.describe(event);
    if (this.read === null) this.readTo(event.seq); // nothing before counts as unread
  }

  /** `about` is the message that the first event changes, in its previous state. */
  #took(events, about) {
    for (const event of events) {
      if (event.type === "chat.created") this.#join(event);
      this.#unread.apply(event, event === events[0] ? about : undefined);
      this.#remember(event);
      if (event.type === "message") this.#typing.delete(event.by);
      if (this.detail !== null && event.seq > this.detail.seq) this.#change(event);
      this.#takePart(event);
    }
    return events;
  }

  /** After a removal and re-addition while away there is no snapshot: both are events of a page. */
  #takePart(event) {
    const isMine = event.users?.includes(this.#me);
    if (event.type === "chat.deleted" || (isMine && event.type === "participant.removed")) {
      this.left = event;
    } else if (isMine && event.type === "participant.added") this.left = null;
  }

  #remember(event) {
    const isNew = event.type === "message" && event.seq > (this.latest?.seq ?? 0);
    if (isNew) {
      this.latest = event;
      this.mine = { ...this.mine, archived: false };
    } else if (changesMessage(event) && event.of === this.latest?.seq) {
      this.latest = change(this.latest, event);
    }
    this.latestAsOf = Math.max(this.latestAsOf, event.seq);
  }

  #change(event) {
    const detail = this.detail;
    detail.seq = event.seq;
    if (event.type === "chat.updated") detail.topic = event.topic; // without one it has none
    if (event.chatName !== undefined) detail.chatName = event.chatName;
    if (event.owner !== undefined) detail.owner = event.owner;
    if (event.type === "participant.added") {
      detail.participants = [...detail.participants, ...event.users];
      detail.participantCount += event.users.length;
    } else if (event.type === "participant.removed") {
      detail.participants = detail.participants.filter((id) => !event.users.includes(id));
      detail.participantCount -= event.users.length;
    }
  }
}
