/**
 * One person's stream of events over many sockets, as a state machine without I/O, clock or chance.
 * It is told what came in and gives what follows from it. What it guarantees: each event of each
 * chat once and in the order of its seqs, whatever sockets end in between.
 */
import { Order } from "./order.js";

const MAX_RESUMED_CHATS = 1_000;
const MOMENTS = new Set(["typing", "presence", "read", "mine"]);

/**
 * An output has one key: `{ready: pingSeconds}`, `{deliver: event}`, `{pull: {chat, after, socket}}`,
 * `{restarted: chat or null}`, `{answer: frame}` of a send, `{moment: frame}`, `{refresh: true}` or
 * `{refusal: frame}` of a frame without client id.
 */
export class Session {
  #orders; // chat -> Order
  #pulling = new Set(); // chats
  #socket = 0; // how many became ready: what a pull for an earlier one brings is dropped

  /**
   * `cursors` is the last seq that the program has had by chat, `epoch` the history's, both as an
   * earlier session left them, or empty: then events begin with what comes.
   */
  constructor({ user = "", cursors = {}, epoch = null } = {}) {
    this.user = user;
    this.epoch = epoch;
    this.#orders = ordersOf(cursors);
  }

  /** `{chat: seq}` up to which events have come. */
  get cursors() {
    return Object.fromEntries([...this.#orders].map(([chat, { cursor }]) => [chat, cursor]));
  }

  cursor(chat) {
    return this.#orders.get(chat)?.cursor ?? 0;
  }

  /**
   * What the first frame says beside the token. Where there are more chats than one may resume the
   * server names none of the others in `behind`, and they are pulled.
   */
  hello() {
    const newest = Object.entries(this.cursors).sort(([, a], [, b]) => b - a);
    const resume = Object.fromEntries(newest.slice(0, MAX_RESUMED_CHATS));
    return this.epoch === null ? { resume } : { resume, epoch: this.epoch };
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

  /** A page that a pull brought. With `more` the next one follows from it. */
  pulled(pull, events, more = false) {
    if (!this.wants(pull)) return [];
    const order = this.#orderOf(pull.chat);
    const outputs = events.flatMap((event) => this.#deliver(order, jump(order, event)));
    if (more) return [...outputs, this.#pull(pull.chat)];
    this.#pulling.delete(pull.chat);
    return [...outputs, ...order.takeEarly().flatMap((event) => this.#take(event))];
  }

  /**
   * `/events` says 404: this chat is not the user's any more. What lay between is not theirs to
   * see; the end itself is, where it came meanwhile.
   */
  gone(pull) {
    if (!this.wants(pull)) return [];
    const end = this.#orderOf(pull.chat).takeEarly().find((event) => this.#isEnd(event));
    this.#orders.delete(pull.chat);
    this.#pulling.delete(pull.chat);
    return end ? [{ deliver: end }] : [];
  }

  /** Whether the pull is still of use. */
  wants({ chat, socket }) {
    return socket === this.#socket && this.#pulling.has(chat);
  }

  #begin({ user, epoch, chats, behind, read = {}, pingSeconds }) {
    this.user = user;
    this.#socket += 1;
    this.#pulling.clear();
    const outputs = [{ ready: pingSeconds }];
    if (this.epoch !== epoch) {
      if (this.epoch !== null) outputs.push({ restarted: null });
      this.#orders = ordersOf(chats);
    }
    this.epoch = epoch;
    for (const [chat, order] of this.#orders) {
      if (chat in chats) order.takeEarly();
      else this.#orders.delete(chat);
    }
    const isAsked = this.#orders.size <= MAX_RESUMED_CHATS;
    const late = new Set(behind);
    for (const [chat, head] of Object.entries(chats)) {
      const isNew = !this.#orders.has(chat);
      // Joined while away: from the joining on, which is where the read marker begins.
      if (isNew) this.#orders.set(chat, new Order(Math.max(0, (read[chat] ?? head) - 1)));
      const { cursor } = this.#orders.get(chat);
      if (cursor > head) {
        this.#orders.set(chat, new Order(head));
        outputs.push({ restarted: chat });
      } else if (cursor < head && (isNew || late.has(chat) || !isAsked)) {
        outputs.push(this.#pull(chat));
      }
    }
    return outputs;
  }

  /** An event as it came over the socket. */
  #take(event) {
    const { chat, type } = event;
    const order = this.#orderOf(chat);
    if (this.#pulling.has(chat)) {
      order.hold(event);
      return [];
    }
    // A snapshot: what lies before it is history.
    const isSnapshot = type === "chat.created";
    const outputs = this.#deliver(order, isSnapshot ? jump(order, event) : order.apply(event));
    return order.hasHole ? [...outputs, this.#pull(chat)] : outputs;
  }

  #pull(chat) {
    this.#pulling.add(chat);
    return { pull: { chat, after: this.cursor(chat), socket: this.#socket } };
  }

  #deliver(order, events) {
    return events.map((event) => {
      if (this.#isEnd(event)) this.#orders.delete(event.chat);
      else this.#orders.set(event.chat, order);
      return { deliver: event };
    });
  }

  #orderOf(chat) {
    if (!this.#orders.has(chat)) this.#orders.set(chat, new Order(0));
    return this.#orders.get(chat);
  }

  #isEnd({ type, users }) {
    return type === "chat.deleted"
      || (type === "participant.removed" && users.includes(this.user));
  }
}

/** What follows from an event before which nothing is missing. */
function jump(order, event) {
  if (event.seq <= order.cursor) return [];
  return [...order.reset(event.seq - 1), ...order.apply(event)];
}

function ordersOf(cursors) {
  return new Map(Object.entries(cursors).map(([chat, seq]) => [chat, new Order(seq)]));
}
