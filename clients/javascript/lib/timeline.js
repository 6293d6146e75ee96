/**
 * One chat's events in order of seq, in the stretches that are loaded, and what its reader has
 * written that is not yet among them. Pure: no DOM, no network, no clock.
 */
import { isAs, isOutcome } from "./expected.js";
import { begin, change, changesMessage, isBlank } from "./fold.js";
import { Order } from "./order.js";

const KEPT_CHANGES = 2_000;

export class Timeline {
  #me;
  #order;
  #changes = []; // edits, deletions and reactions, for pages that are older than they are
  #changesFrom; // from this seq on, none is missing in `#changes`

  /** `cursor` is the seq up to which everything counts as applied. */
  constructor(me, cursor) {
    this.#me = me;
    this.#order = new Order(cursor);
    this.outgoing = [];
    this.reset(cursor);
  }

  /** Forgets the events and goes on after `cursor`; what is unsent stays. */
  reset(cursor) {
    // In order and apart; each knows all of its seqs, and the last one ends at `cursor`.
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

  /** The stretch that knows this seq, or undefined. */
  stretchAt(seq) {
    return this.stretches.find(({ from, to }) => from <= seq && seq <= to);
  }

  /** The current message with this seq, or undefined. */
  messageAt(seq) {
    const item = this.stretchAt(seq)?.items.find((other) => other.seq === seq);
    return item?.type === "message" ? item : undefined;
  }

  /** The loaded message with this id, or undefined. */
  messageOf(messageId) {
    for (const { items } of this.stretches.toReversed()) {
      const item = items.findLast((other) => other.messageId === messageId);
      if (item) return item;
    }
    return undefined;
  }

  /** True while an event is missing that a later one has shown to exist. */
  get hasHole() {
    return this.#order.hasHole;
  }

  /** The edits, deletions and reactions above a seq, as far as they are remembered. */
  changesAfter(seq) {
    return this.#changes.filter((event) => event.seq > seq);
  }

  /** The events that this one made part of the order: none when it is old or ahead of a hole. */
  apply(event) {
    return this.#took(this.#order.apply(event));
  }

  /** As `Order` has them. */
  hold(event) {
    this.#order.hold(event);
  }

  takeEarly() {
    return this.#order.takeEarly();
  }

  /**
   * Adds what is known of the seqs `from` to `to`: `items` in order, as they are when everything
   * up to `asOf` has happened. False when that is too long ago to be brought up to date.
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

  /** How many messages of others, or invitations by them, have a seq above `read`. */
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
   * Puts something at the end that has no event yet: a message `{clientId, text, at}`, or a change
   * of one as `expected` takes it.
   */
  write(item) {
    if (!this.#outgoingAt(item.clientId)) this.outgoing.push({ state: "pending", ...item });
  }

  /** The server has stored it, as `seq` where it says so. Its event may be here or come later. */
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

/** An item after an event that may be about another one, or be part of it already. */
function changed(item, event) {
  if (event.of !== item.seq || event.seq <= item.asOf) return item;
  return { ...change(item, event), asOf: event.seq };
}

/** Whether an item is something new to a reader, and not only a change of the chat or gone again. */
export function isNews(item, me) {
  if (item.by === me) return false;
  return item.type === "message" ? !isBlank(item) : item.type === "chat.created";
}
