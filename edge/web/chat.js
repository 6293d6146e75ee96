/**
 * One chat as its reader knows it: what it is called, who is in it, its timeline, what is read,
 * who is typing. Changes by events alone; does no I/O.
 */
import { change, changesMessage } from "./fold.js";
import { madeAt } from "./ids.js";
import { Timeline } from "./timeline.js";

const TYPING_MS = 5_000;

export class Chat {
  #me;
  #typing = new Map(); // user -> ms at which it is over

  constructor(id, me, cursor) {
    this.id = id;
    this.#me = me;
    this.detail = null; // {chatName, participants, participantCount, owner, seq}
    this.timeline = new Timeline(me, cursor);
    this.read = null; // seq; null until known
    this.newAfter = null; // the seq above the "New" line while the chat is open
    this.isKeptUnread = false; // marked as unread while it is open: looking at it is no reading
    this.draft = "";
    this.answered = null; // the row that the draft answers
    this.latest = null; // the newest row that was ever seen, also when it is not loaded
    this.latestAsOf = 0; // the seq up to which `latest` is right
    this.left = null; // the event that ended it for this person
  }

  get unread() {
    return this.timeline.newsAfter(this.read ?? this.timeline.cursor);
  }

  /** True when more is unread than `unread` counts, because it is not loaded. */
  get hasMoreUnread() {
    return this.read !== null && this.read < this.timeline.tail.from - 1;
  }

  /** Milliseconds by which a list sorts. */
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

  /** What REST says of the chat; events that are younger change it further. */
  describe(detail) {
    if (this.detail === null || detail.seq >= this.detail.seq) {
      const { chatName, participants, participantCount, owner, seq } = detail;
      this.detail = { chatName, participants, participantCount, owner, seq };
    }
  }

  /** A snapshot on joining: the history before it is there to be loaded. */
  join(event) {
    if (event.seq <= this.timeline.cursor && this.detail !== null) return [];
    this.describe(event);
    if (event.seq > this.timeline.cursor + 1) this.#took(this.timeline.reset(event.seq - 1));
    return this.#took(this.timeline.apply(event));
  }

  /** The events that became part of the order. */
  apply(event) {
    return this.#took(this.timeline.apply(event));
  }

  /** Goes on after `cursor`; what lies between is history, to be loaded when it is looked at. */
  skipTo(cursor) {
    return this.#took(this.timeline.reset(cursor));
  }

  /** What is known of a range of seqs, as `Timeline.cover` takes it. */
  learn(page) {
    const isTaken = this.timeline.cover(page);
    const newest = this.timeline.tail.items.at(-1);
    if (newest && newest.seq >= (this.latest?.seq ?? 0)) {
      this.latest = newest;
      this.latestAsOf = this.timeline.cursor;
    }
    return isTaken;
  }

  isTyping(user, nowMs) {
    this.#typing.set(user, nowMs + TYPING_MS);
  }

  /** Ids of those who typed within the last seconds. */
  typists(nowMs) {
    for (const [user, until] of this.#typing) if (until <= nowMs) this.#typing.delete(user);
    return [...this.#typing.keys()];
  }

  #took(events) {
    for (const event of events) {
      if (!changesMessage(event)) this.latest = event;
      else if (event.of === this.latest?.seq) this.latest = change(this.latest, event);
      this.latestAsOf = event.seq;
      if (event.type === "message") this.#typing.delete(event.by);
      if (this.detail !== null && event.seq > this.detail.seq) this.#change(event);
      const gone = event.type === "participant.removed" && event.users.includes(this.#me);
      if (gone || event.type === "chat.deleted") this.left = event;
    }
    return events;
  }

  #change(event) {
    const detail = this.detail;
    detail.seq = event.seq;
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
