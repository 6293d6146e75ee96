/**
 * Takes from the outbox what was written, edited, deleted and reacted: in order, one of a chat at a
 * time, again under the same key until the server has said what became of it. Knows no view.
 */
import { bring } from "./changes.js";
import { newId } from "./client/ids.js";

const ANSWER_TIMEOUT_MS = 15_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
const UNDO_MS = 5_000;
/** Refusals that time heals; every other one needs a person. */
const PASSING = new Set(["rate_limited", "unavailable", "internal", "unauthenticated"]);

export class Sender {
  #api;
  #outbox;
  #connection;
  #chats;
  #clock;
  #random;
  #hear;
  #underway = new Map(); // chat -> {clientId, cancel}
  #pauses = new Map(); // chat -> how often in a row

  /** `hear` is `{changed(), refused(item, code)}`: the second for changes nobody can try again. */
  constructor({ api, outbox, connection, chats, clock, random, hear }) {
    this.#api = api;
    this.#outbox = outbox;
    this.#connection = connection;
    this.#chats = chats;
    this.#clock = clock;
    this.#random = random;
    this.#hear = hear;
  }

  /**
   * Never waits: what is wanted is in the log and in the queue when this returns, and on disk when
   * the promise is kept. A message is `{text, replyTo, mentions, attachments}`, a change what `expected` takes.
   */
  post(chat, wanted) {
    const at = new Date(this.#clock.now()).toISOString();
    const item = { clientId: newId(), chat: chat.id, at, ...wanted };
    chat.timeline.write(item);
    const kept = this.#outbox.add(item);
    this.#push(chat.id);
    this.#hear.changed();
    return kept;
  }

  /** Deletes a message, in five seconds; gives what `discard` takes it back with. */
  postDeletion(chat, { of, messageId }) {
    const at = new Date(this.#clock.now()).toISOString();
    const item = {
      clientId: newId(), chat: chat.id, at, kind: "delete", of, messageId, state: "held",
    };
    chat.timeline.write(item);
    const kept = this.#outbox.add(item);
    this.#clock.after(UNDO_MS, () => {
      if (this.#outbox.get(item.clientId)) this.retry(chat, item.clientId);
    });
    this.#hear.changed();
    return { clientId: item.clientId, kept };
  }

  retry(chat, clientId) {
    chat.timeline.change(clientId, { state: "pending", reason: undefined });
    const kept = this.#outbox.retry(clientId);
    this.#push(chat.id);
    this.#hear.changed();
    return kept;
  }

  discard(chat, clientId) {
    chat.timeline.discard(clientId);
    this.#hear.changed();
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

  /** `inWords(code, item)` is the reason that a person reads. */
  async refused({ clientId, code, retryAfter }, inWords) {
    const item = this.#outbox.get(clientId);
    if (!item || this.#underway.get(item.chat)?.clientId !== clientId) return;
    if (PASSING.has(code)) {
      this.#pause(item.chat, retryAfter);
      return;
    }
    this.#land(item.chat);
    const chat = this.#chats.get(item.chat);
    // Where nobody could see it, try it again or delete it, it is over.
    const isShown = chat && (item.kind === undefined || item.kind === "edit");
    const reason = inWords(code, item);
    if (isShown) chat.timeline.change(clientId, { state: "failed", reason });
    else chat?.timeline.discard(clientId);
    const kept = isShown
      ? this.#outbox.fail(clientId, reason)
      : this.#outbox.remove(clientId);
    if (chat && !isShown) this.#hear.refused(item, code);
    this.#push(item.chat);
    this.#hear.changed();
    await kept;
  }

  #stored(chat, clientId) {
    if (this.#underway.get(chat)?.clientId === clientId) {
      this.#land(chat);
      this.#pauses.delete(chat);
    }
    const removed = this.#outbox.remove(clientId, "stored");
    this.#push(chat);
    this.#hear.changed();
    return removed;
  }

  #push(chat) {
    const item = this.#outbox.next(chat);
    if (!item || this.#underway.has(chat)) return;
    if (this.#connection.state !== "ready") {
      this.#connection.hurry(); // somebody waits
      return;
    }
    const { clientId, kind } = item;
    if (kind === undefined) this.#connection.send(frameOf(item));
    else this.#bring(item);
    const cancel = this.#clock.after(ANSWER_TIMEOUT_MS, () => {
      this.#underway.delete(chat);
      this.#push(chat);
    });
    this.#underway.set(chat, { clientId, cancel });
  }

  async #bring(item) {
    const { chat, clientId } = item;
    try {
      const { seq } = await bring(this.#api, item);
      this.#chats.get(chat)?.timeline.settle(clientId, seq);
      await this.#stored(chat, clientId);
    } catch (error) {
      if (error.code === undefined) throw error;
      const { code, retryAfterSeconds } = error;
      await this.refused({ clientId, code, retryAfter: retryAfterSeconds }, this.#hear.inWords);
    }
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

function frameOf({ chat, clientId, text, replyTo, mentions, attachments }) {
  const frame = { type: "send", chat, clientId, message: text };
  if (replyTo) frame.replyTo = replyTo;
  if (attachments?.length) frame.attachments = attachments.map(({ id }) => id);
  if (mentions?.length) frame.mentions = mentions;
  return frame;
}
