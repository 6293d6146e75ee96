/**
 * A user's stream of events over many sockets, as a state machine without I/O, clock or randomness.
 * Takes input and returns the resulting outputs. Guarantees each event of each chat once and in the
 * order of seqs, however often sockets end in between.
 */
import { Order } from "./order.js";

const MAX_RESUMED_CHATS = 1_000;
const MAX_FRAME = 65_536;
const MAX_HELD = 10_000; // events that wait for pulls
const MOMENTS = new Set(["typing", "presence", "read", "mine"]);

/**
 * An output has one key: `{ready: pingSeconds}`, `{deliver: event}`, `{pull}`, `{restarted: chat or
 * null}`, `{answer: frame}` of a send, `{moment: frame}`, `{refresh: true}`, `{refusal: frame}` of a
 * frame without client id, or `{full: true}`: so much waits for pulls that a client replaces its
 * socket, after which it comes again. A pull is `{chat, after, to, socket}`: `to` is a seq that
 * is known to exist.
 */
export class Session {
  #places = new Map(); // chat -> an `Order`, or what is more than one
  #make;
  #pulling = new Map(); // chat -> how many of its events wait for the pull
  #sockets = 0; // how many became ready: the result of a pull for an earlier one is dropped
  #had = {}; // chat -> cursor when the last `hello` was sent
  #resumed = {}; // the part sent in it
  #ends = new Map(); // chat -> seq of its end on this socket

  /**
   * `cursors` is the last processed seq by chat, `epoch` the history's, both from an earlier
   * session, or empty: then events start with new ones. If chats are more than an `Order`,
   * `make(chat, from, seen)` creates one: it may begin after the seq `from`, or at `seen`, up to
   * which it exists.
   */
  constructor({
    user = "", cursors = {}, epoch = null, make = (_, from) => new Order(from),
  } = {}) {
    this.user = user;
    this.epoch = epoch;
    this.maxFrame = MAX_FRAME; // bytes that the server accepts
    this.#make = make;
    for (const [chat, seq] of Object.entries(cursors)) this.add(chat, make(chat, seq, seq));
  }

  /** Resets the state for another user. */
  beginAnew() {
    this.epoch = null;
    this.#places.clear();
    this.#pulling.clear();
    this.#ends.clear();
    this.#had = {};
    this.#resumed = {};
  }

  /** The program has processed less than what arrived; the next socket resumes from here. */
  goBack(cursors) {
    this.#places.clear();
    this.#pulling.clear();
    this.#ends.clear();
    for (const [chat, seq] of Object.entries(cursors)) this.add(chat, this.#make(chat, seq, seq));
  }

  /** `{chat: seq}` up to which events have arrived. */
  get cursors() {
    return Object.fromEntries([...this.#places].map(([chat, { cursor }]) => [chat, cursor]));
  }

  cursor(chat) {
    return this.#places.get(chat)?.cursor ?? 0;
  }

  /**
   * What the first frame contains besides the token. If there are more chats than a client may
   * resume, the server does not name the others in `behind`, and they are pulled.
   */
  hello() {
    this.#had = this.cursors;
    const newest = Object.entries(this.#had).sort(([, a], [, b]) => b - a);
    this.#resumed = Object.fromEntries(newest.slice(0, MAX_RESUMED_CHATS));
    return { resume: this.#resumed, epoch: this.epoch ?? undefined };
  }

  /** One frame of the server, decoded. */
  receive(frame) {
    const { type, clientId } = frame;
    if (type === "ready") return this.#begin(frame);
    if (type === "expiring") return [{ refresh: true }];
    if (type === "sent" || (type === "error" && clientId)) return [{ answer: frame }];
    if (type === "error") return [{ refusal: frame }];
    if (MOMENTS.has(type)) return [{ moment: frame }];
    return frame.seq === undefined || frame.chat === undefined ? [] : this.#take(frame);
  }

  /** A page returned by a pull. With `more` another pull follows. */
  pulled(pull, events, more = false) {
    if (!this.wants(pull)) return [];
    const place = this.#placeOf(pull.chat, this.#lastOf(pull.chat));
    const outputs = events.flatMap((event) => this.#deliver(place, jump(place, event)));
    if (more) return [...outputs, this.#pull(pull.chat, pull.to)];
    this.#pulling.delete(pull.chat);
    return [...outputs, ...place.takeEarly().flatMap((event) => this.#take(event))];
  }

  /**
   * `/events` answered 404: the user is no longer in this chat, and may not see the missed events;
   * only the end itself, if it arrived meanwhile, and everything since they were added again.
   */
  gone(pull) {
    if (!this.wants(pull)) return [];
    const held = this.#placeOf(pull.chat, 0).takeEarly();
    this.forget(pull.chat);
    const isEnd = (event) => this.#isEnd(event);
    const outputs = held.filter(isEnd).slice(0, 1).map((end) => ({ deliver: end }));
    const since = held.slice(held.findLastIndex(isEnd) + 1);
    const again = since.findIndex(({ type }) => type === "chat.created");
    if (again < 0) return outputs;
    return [...outputs, ...since.slice(again).flatMap((event) => this.#take(event))];
  }

  /** Whether the pull is still needed. */
  wants({ chat, socket }) {
    return socket === this.#sockets && this.#pulling.has(chat);
  }

  /** Whether more of the chat is to be pulled. */
  isPulling(chat) {
    return this.#pulling.has(chat);
  }

  /** A chat that is known from another source. */
  add(chat, place) {
    this.#places.set(chat, place);
  }

  /** Another source has shown that a chat has a seq. */
  missing(chat, seq) {
    return this.cursor(chat) < seq && !this.#pulling.has(chat) ? [this.#pull(chat, seq)] : [];
  }

  /** Continues after a seq: everything before it is history. */
  skip(chat, seq) {
    this.#pulling.delete(chat);
    const place = this.#placeOf(chat, seq);
    return this.#deliver(place, place.reset(seq));
  }

  /** The user is no longer in the chat. */
  forget(chat) {
    this.#places.delete(chat);
    this.#pulling.delete(chat);
  }

  #begin({ user, epoch, chats, behind, read = {}, pingSeconds, maxFrame = MAX_FRAME }) {
    const isFirst = this.epoch === null && this.#places.size === 0;
    const isOther = this.epoch !== null && this.epoch !== epoch;
    const outputs = [{ ready: pingSeconds }];
    if (isOther) outputs.push({ restarted: null });
    this.user = user;
    this.epoch = epoch;
    this.maxFrame = maxFrame;
    this.#sockets += 1;
    this.#pulling.clear();
    this.#ends.clear();
    for (const [chat, place] of this.#places) {
      if (chat in chats) place.takeEarly();
      else this.#places.delete(chat);
    }
    const late = new Set(behind);
    for (const [chat, head] of Object.entries(chats)) {
      // Joined while away: from the joining on, where the read marker starts.
      const from = isFirst || isOther ? head : Math.max(0, (read[chat] ?? head) - 1);
      const place = this.#placeOf(chat, from, head);
      // False for a chat that was not resumed: `undefined <= seq` is.
      const isCurrent = this.#resumed[chat] <= place.cursor && !late.has(chat);
      if (isOther) place.reset(head);
      else if (this.#had[chat] > head) {
        place.reset(head);
        outputs.push({ restarted: chat });
      } else if (place.cursor < head && !isCurrent) outputs.push(this.#pull(chat, head));
    }
    return outputs;
  }

  /** An event received over the socket. */
  #take(event) {
    const { chat, seq, type } = event;
    const place = this.#placeOf(chat, this.#lastOf(chat), seq - 1);
    const isPulling = this.#pulling.has(chat);
    if (isPulling && seq !== place.cursor + 1) {
      place.hold(event);
      this.#pulling.set(chat, this.#pulling.get(chat) + 1);
      const held = [...this.#pulling.values()].reduce((sum, one) => sum + one);
      return held > MAX_HELD ? [{ full: true }] : [];
    }
    // A snapshot: everything before it is history.
    const isSnapshot = type === "chat.created";
    const outputs = this.#deliver(place, isSnapshot ? jump(place, event) : place.apply(event));
    return place.hasGap && !isPulling ? [...outputs, this.#pull(chat, seq - 1)] : outputs;
  }

  #pull(chat, to) {
    this.#pulling.set(chat, this.#pulling.get(chat) ?? 0);
    return { pull: { chat, after: this.#lastOf(chat), to, socket: this.#sockets } };
  }

  /** Events after the user's removal are theirs if they were added again while away. */
  #lastOf(chat) {
    return this.#places.get(chat)?.cursor ?? this.#ends.get(chat) ?? 0;
  }

  #deliver(place, events) {
    return events.map((event) => {
      if (this.#isEnd(event)) {
        this.forget(event.chat);
        this.#ends.set(event.chat, event.seq);
      } else this.#places.set(event.chat, place);
      return { deliver: event };
    });
  }

  #placeOf(chat, from, seen = from) {
    if (!this.#places.has(chat)) this.#places.set(chat, this.#make(chat, from, seen));
    return this.#places.get(chat);
  }

  #isEnd({ type, users }) {
    return type === "chat.deleted"
      || (type === "participant.removed" && users.includes(this.user));
  }
}

/** The outputs for an event that no missing one precedes. */
function jump(place, event) {
  const { cursor } = place;
  if (event.seq <= cursor) return [];
  const before = event.seq > cursor + 1 ? place.reset(event.seq - 1) : [];
  return [...before, ...place.apply(event)];
}
