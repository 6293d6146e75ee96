/**
 * Takes messages from the outbox to the socket: in order, one of a chat at a time, again with the
 * same clientId until the server has said what became of it. Knows no view.
 */
import { newId } from "./ids.js";

const ANSWER_TIMEOUT_MS = 15_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** Refusals that time heals; every other one needs a person. */
const PASSING = new Set(["rate_limited", "unavailable", "internal"]);

export class Sender {
  #outbox;
  #connection;
  #chats;
  #clock;
  #random;
  #onChange;
  #underway = new Map(); // chat -> {clientId, cancel}
  #pauses = new Map(); // chat -> how often in a row

  constructor({ outbox, connection, chats, clock, random, onChange }) {
    this.#outbox = outbox;
    this.#connection = connection;
    this.#chats = chats;
    this.#clock = clock;
    this.#random = random;
    this.#onChange = onChange;
  }

  /** Never waits: the message is in the log and in the queue when this returns. */
  post(chat, text, at) {
    const item = { clientId: newId(), chat: chat.id, text, at };
    chat.timeline.write(item);
    const kept = this.#outbox.add(item);
    this.#push(chat.id);
    this.#onChange();
    return kept;
  }

  retry(chat, clientId) {
    chat.timeline.change(clientId, { state: "pending", reason: undefined });
    const kept = this.#outbox.retry(clientId);
    this.#push(chat.id);
    this.#onChange();
    return kept;
  }

  discard(chat, clientId) {
    chat.timeline.discard(clientId);
    this.#onChange();
    return this.#outbox.remove(clientId);
  }

  /** A new socket: nothing of the old one will be answered any more. */
  restart() {
    for (const chat of [...this.#underway.keys()]) this.#land(chat);
    for (const chat of this.#outbox.waitingChats()) this.#push(chat);
  }

  /** The answer to a send. */
  sent({ chat, clientId, seq }) {
    this.#chats.get(chat)?.timeline.settle(clientId, seq);
    return this.#stored(chat, clientId);
  }

  /** The own message came as an event, which says the same as an answer. */
  async delivered({ chat, clientId }) {
    if (clientId && this.#outbox.get(clientId)) await this.#stored(chat, clientId);
  }

  /** `inWords(code)` is the reason that a person reads. */
  async refused({ clientId, code, retryAfter }, inWords) {
    const item = this.#outbox.get(clientId);
    if (!item || this.#underway.get(item.chat)?.clientId !== clientId) return;
    if (PASSING.has(code)) {
      this.#pause(item.chat, retryAfter);
      return;
    }
    this.#land(item.chat);
    const chat = this.#chats.get(item.chat);
    chat?.timeline.change(clientId, { state: "failed", reason: inWords(code) });
    // Without the chat nobody could see it, try it again or delete it.
    const kept = chat ? this.#outbox.fail(clientId, inWords(code)) : this.#outbox.remove(clientId);
    this.#push(item.chat);
    this.#onChange();
    await kept;
  }

  #stored(chat, clientId) {
    if (this.#underway.get(chat)?.clientId === clientId) {
      this.#land(chat);
      this.#pauses.delete(chat);
    }
    const removed = this.#outbox.remove(clientId, "stored");
    this.#push(chat);
    this.#onChange();
    return removed;
  }

  #push(chat) {
    const item = this.#outbox.next(chat);
    if (!item || this.#underway.has(chat)) return;
    const { clientId, text } = item;
    if (!this.#connection.send({ type: "send", chat, clientId, message: text })) {
      this.#connection.hurry(); // somebody waits
      return;
    }
    const cancel = this.#clock.after(ANSWER_TIMEOUT_MS, () => {
      this.#underway.delete(chat);
      this.#push(chat);
    });
    this.#underway.set(chat, { clientId, cancel });
  }

  #pause(chat, retryAfterSeconds) {
    const clientId = this.#underway.get(chat).clientId;
    this.#land(chat);
    const before = this.#pauses.get(chat) ?? 0;
    this.#pauses.set(chat, before + 1);
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** before);
    const pauseMs = retryAfterSeconds ? retryAfterSeconds * 1000 : this.#random() * longest;
    const cancel = this.#clock.after(pauseMs, () => {
      this.#underway.delete(chat);
      this.#push(chat);
    });
    this.#underway.set(chat, { clientId, cancel });
  }

  #land(chat) {
    this.#underway.get(chat)?.cancel();
    this.#underway.delete(chat);
  }
}
