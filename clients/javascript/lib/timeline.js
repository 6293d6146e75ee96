/**
 * One chat's events in the order of seqs, in the loaded stretches, and the user's own unsent ones.
 * Pure: no DOM, no network, no clock.
 */
import { isAs, isOutcome } from "./expected.js";
import { begin, change, changesMessage, isBlank } from "./fold.js";
import { Order } from "./order.js";

const KEPT_CHANGES = 2_000;

export class Timeline {
  #me;
  #order;
  #changes = []; // edits, deletions and reactions, for pages that are older
  #changesFrom; // from this seq on, none is missing in `#changes`

  /** `cursor` is the seq up to which everything counts as applied. */
  constructor(me, cursor) {
    this.#me = me;
    this.#order = new Order(cursor);
    this.outgoing = [];
    this.reset(cursor);
  }

  /** Forgets the events and continues after `cursor`; unsent items stay. */
  reset(cursor) {
    // In order and disjoint; each has all of its seqs, and the last one ends at `cursor`.
    this.stretches = [{ from: cursor + 1, to: cursor, items: [] }];
    this.#changes = [];
    this.#changesFrom = cursor + 1;
    this.outgoing = this.outgoing.filter(({ state, seq }) => (
      state !== "sent" || (seq > cursor && seq < Infinity)
    ));
    return this.#took(this.#order.reset(cursor));
  }

  get cursor() {
    return this.#order.cursor;
  }

  /** The stretch that grows. */
  get tail() {
    return this.stretches.at(-1);
  }

  /** True while nothing is loaded. */
  get isEmpty() {
    return this.stretches.length === 1 && this.tail.items.length === 0;
  }

  /** The stretch that contains this seq, or undefined. */
  stretchAt(seq) {
    return this.stretches.find(({ from, to }) => from <= seq && seq <= to);
  }

  /** The current message with this seq, or undefined. */
  messageAt(seq) {
    const item = this.stretchAt(seq)?.items.find((other) => other.seq === seq);
    return item?.type === "message" ? item : undefined;
  }

  /** Of the newest messages that are loaded, a user's last one that is not deleted; or undefined. */
  lastBy(user) {
    return this.tail.items.findLast((item) => (
      item.type === "message" && item.by === user && !isBlank(item)
    ));
  }

  /** The loaded message with this id, or undefined. */
  messageOf(messageId) {
    for (const { items } of this.stretches.toReversed()) {
      const item = items.findLast((other) => other.messageId === messageId);
      if (item) return item;
    }
    return undefined;
  }

  /** True while an event is missing that a later one shows to exist. */
  get hasGap() {
    return this.#order.hasGap;
  }

  /** The remembered edits, deletions and reactions above a seq. */
  changesAfter(seq) {
    return this.#changes.filter((event) => event.seq > seq);
  }

  /** The events that this one adds to the order: none if it is old or follows a gap. */
  apply(event) {
    return this.#took(this.#order.apply(event));
  }

  /** As in `Order`. */
  hold(event) {
    this.#order.hold(event);
  }

  takeEarly() {
    return this.#order.takeEarly();
  }

  /**
   * Adds everything known about the seqs `from` to `to`: `items` in order, in their state as of
   * `asOf`. False if that is too old to be brought up to date.
   */
  cover({ from, to, items, asOf }) {
    const last = Math.min(to, this.cursor);
    if (last < from) return true;
    if (asOf < this.cursor && asOf + 1 < this.#changesFrom) return false;
    const missed = this.changesAfter(asOf);
    const page = items
      .filter((item) => item.seq <= last)
      .map((item) => missed.reduce(changed, { ...item, asOf: item.asOf ?? asOf }));
    const touched = this.stretches.filter((one) => one.from <= last + 1 && from - 1 <= one.to);
    const known = touched.flatMap((one) => one.items);
    const bySeq = new Map([...page, ...known].map((item) => [item.seq, item]));
    const joined = {
      from: Math.min(from, ...touched.map((one) => one.from)),
      to: Math.max(last, ...touched.map((one) => one.to)),
      items: [...bySeq.values()].sort((a, b) => a.seq - b.seq),
    };
    const apart = this.stretches.filter((one) => !touched.includes(one));
    this.stretches = [...apart, joined].sort((a, b) => a.from - b.from || a.to - b.to);
    return true;
  }

  /** Keeps the newest `count` items of the tail and nothing of the other stretches. */
  trim(count) {
    const { from, to, items } = this.tail;
    const kept = items.length > count ? items.slice(-count) : items;
    this.stretches = [{ from: kept === items ? from : kept[0].seq, to, items: kept }];
  }

  /** The number of messages or additions by others above the seq `read`. */
  newsAfter(read) {
    let count = 0;
    const { items } = this.tail;
    for (let n = items.length - 1; n >= 0 && items[n].seq > read; n -= 1) {
      if (isNews(items[n], this.#me)) count += 1;
    }
    return count;
  }

  /** The messages that have no seq yet. */
  get unsent() {
    return this.outgoing.filter((item) => item.kind === undefined);
  }

  /** The changes of messages that have no event yet. */
  get changing() {
    return this.outgoing.filter((item) => item.kind !== undefined);
  }

  /**
   * Adds something without an event to the end: a message `{clientId, text, at}`, or a change of
   * one as `expected` takes it.
   */
  write(item) {
    if (!this.#outgoingAt(item.clientId)) this.outgoing.push({ state: "pending", ...item });
  }

  /** The server has stored it, as `seq` if it says so. Its event may be here or arrive later. */
  settle(clientId, seq = Infinity) {
    const item = this.#outgoingAt(clientId);
    const message = item?.kind && this.messageAt(item.of);
    const isHere = seq <= this.cursor || (message && isAs(message, item, this.#me))
      || (item?.kind && !message);
    if (isHere) this.discard(clientId);
    else this.change(clientId, { state: "sent", seq });
  }

  change(clientId, changes) {
    const item = this.#outgoingAt(clientId);
    if (item) Object.assign(item, changes);
  }

  discard(clientId) {
    this.outgoing = this.outgoing.filter((item) => item.clientId !== clientId);
  }

  #took(events) {
    for (const event of events) {
      this.tail.to = event.seq;
      if (changesMessage(event)) this.#alter(event);
      else this.tail.items.push({ ...begin(event), asOf: event.seq });
      this.outgoing = this.outgoing.filter((item) => !this.#isDone(item, event));
    }
    return events;
  }

  #isDone(item, event) {
    if (item.kind !== undefined) return isOutcome(event, item, this.#me);
    return event.by === this.#me && item.clientId === event.clientId;
  }

  #alter(event) {
    this.#changes.push(event);
    if (this.#changes.length > KEPT_CHANGES) {
      this.#changesFrom = this.#changes.shift().seq + 1;
    }
    const stretch = this.stretchAt(event.of);
    const n = stretch?.items.findIndex((item) => item.seq === event.of) ?? -1;
    if (n >= 0) stretch.items[n] = changed(stretch.items[n], event);
  }

  #outgoingAt(clientId) {
    return this.outgoing.find((item) => item.clientId === clientId);
  }
}

/** An item after an event, which may be about another one or be already applied. */
function changed(item, event) {
  if (event.of !== item.seq || event.seq <= item.asOf) return item;
  return { ...change(item, event), asOf: event.seq };
}

/** Whether an item is news to a reader, not only a change of the chat or already deleted. */
export function isNews(item, me) {
  if (item.by === me) return false;
  return item.type === "message" ? !isBlank(item) : item.type === "chat.created";
}
