/**
 * Sends the outbox's items in the order of `Lanes`, and records their outcome in the timeline.
 * Knows no view.
 */
import { bring } from "./changes.js";
import { newId } from "../client/ids.js";
import { Lanes } from "../client/lanes.js";

const UNDO_MS = 5_000;
const LOOK_UP_MS = 3_000; // a message waits no longer for names
/** Temporary refusals; all others need the user. */
const PASSING = new Set(["rate_limited", "unavailable", "internal", "unauthenticated"]);

export class Sender {
  #api;
  #outbox;
  #connection;
  #chats;
  #clock;
  #mentioned;
  #hear;
  #lanes;
  #reacting = new Set(); // client ids of reactions whose attempt is under way

  /**
   * `mentioned(item)` resolves to the ids of all whom an incomplete item mentions, or to null.
   * `hear` is `{changed(), refused(item, code)}`: the second for changes that cannot be
   * retried.
   */
  constructor({ api, outbox, connection, chats, clock, random, mentioned, hear }) {
    this.#api = api;
    this.#outbox = outbox;
    this.#connection = connection;
    this.#chats = chats;
    this.#clock = clock;
    this.#mentioned = mentioned;
    this.#hear = hear;
    this.#lanes = new Lanes({ next: (chat) => this.#next(chat), clock, random });
  }

  /**
   * Never waits: the item is in the log and in the queue when this returns, and on disk when the
   * promise resolves. A message is `{text, replyTo, mentions, attachments}`, a change what
   * `expected` takes; with `isIncomplete` if `mentions` may lack somebody.
   */
  post(chat, wanted) {
    const at = new Date(this.#clock.now()).toISOString();
    const item = { clientId: newId(), chat: chat.id, at, ...wanted };
    chat.timeline.write(item);
    const kept = this.#outbox.add(item);
    this.#lanes.push(chat.id);
    this.#hear.changed();
    return kept;
  }

  /** Deletes a message after five seconds; returns the id with which `discard` undoes it. */
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

  /** Performs the deletions that can still be undone. Raises passing failures. */
  async settle() {
    await Promise.all(this.#outbox.held().map((item) => bring(this.#api, item).catch((error) => {
      if (error.code === undefined || PASSING.has(error.code)) throw error;
    })));
  }

  /** The same for a page that is closing: they stay in the outbox, so that they are repeated. */
  unload() {
    for (const { chat, messageId, clientId } of this.#outbox.heldHere()) {
      this.#api.deleteMessageOnUnload(chat, messageId, clientId).catch(() => {});
    }
  }

  /** Retries; a refused reply is sent without its quote, which would be refused again. */
  retry(chat, clientId) {
    const changes = { state: "pending", reason: undefined };
    if (this.#outbox.get(clientId)?.lostQuote) {
      Object.assign(changes, { replyTo: undefined, lostQuote: undefined });
    }
    chat.timeline.change(clientId, changes);
    const kept = this.#outbox.retry(clientId, changes);
    this.#lanes.push(chat.id);
    this.#hear.changed();
    return kept;
  }

  discard(chat, clientId) {
    chat.timeline.discard(clientId);
    this.#hear.changed();
    return this.#outbox.remove(clientId);
  }

  /** A new socket: sends on the old one will not be answered any more. */
  restart() {
    this.#lanes.restart(this.#outbox.waitingChats());
  }

  /** The answer to a send. */
  sent({ chat, clientId, seq }) {
    this.#chats.get(chat)?.timeline.settle(clientId, seq);
    return this.#stored(chat, clientId, seq);
  }

  /** The user's message arrived as an event, which is equivalent to an answer. */
  async delivered({ chat, clientId, seq }) {
    if (clientId && this.#outbox.get(clientId)) await this.#stored(chat, clientId, seq);
  }

  /** `inWords(code, item, isDirect)` is the reason in words. */
  async refused({ clientId, code, retryAfter }, inWords) {
    const item = this.#outbox.get(clientId);
    if (!item || !this.#lanes.isUnderway(item.chat, clientId)) return;
    if (PASSING.has(code)) {
      const isForAll = code === "rate_limited" || item.kind === undefined; // or a refused frame
      this.#lanes.again(item.chat, clientId, { retryAfter, isForAll });
      return;
    }
    this.#lanes.done(item.chat, clientId);
    const chat = this.#chats.get(item.chat);
    // Drops it if the user could not see, retry or delete it.
    const isShown = chat && (item.kind === undefined || item.kind === "edit");
    const reason = inWords(code, item, chat?.detail?.kind === "direct");
    const changes = { state: "failed", reason };
    if (code === "invalid_request" && item.replyTo && !item.text?.includes("\0")) {
      changes.lostQuote = true;
    }
    if (code === "not_found" && item.kind === "edit") changes.isFinal = true;
    if (isShown) chat.timeline.change(clientId, changes);
    else chat?.timeline.discard(clientId);
    const kept = isShown
      ? this.#outbox.fail(clientId, changes)
      : this.#outbox.remove(clientId);
    if (chat && !isShown) this.#hear.refused(item, code);
    this.#lanes.push(item.chat);
    this.#hear.changed();
    await kept;
  }

  #stored(chat, clientId, seq) {
    this.#lanes.done(chat, clientId);
    const removed = this.#outbox.remove(clientId, "stored", seq);
    this.#lanes.push(chat);
    this.#hear.changed();
    return removed;
  }

  #next(chat) {
    const item = this.#outbox.next(chat);
    return item && { key: item.clientId, send: () => this.#send(item) };
  }

  #send(item) {
    if (this.#connection.state !== "ready") {
      this.#connection.hurry(); // somebody waits
      return false;
    }
    if (item.isIncomplete) this.#complete(item);
    else if (item.kind === undefined) return this.#connection.send(frameOf(item));
    else this.#bring(item);
    return true;
  }

  /** Its content must not change once it has been sent: a repeat has the same key. */
  async #complete(item) {
    const { chat, clientId } = item;
    const late = new Promise((resolve) => this.#clock.after(LOOK_UP_MS, () => resolve(null)));
    const found = this.#mentioned(item).catch(() => null); // then it goes out without them
    const mentions = (await Promise.race([found, late])) ?? item.mentions;
    const isNext = item.isIncomplete && this.#lanes.isUnderway(chat, clientId);
    if (!isNext || !this.#outbox.get(clientId) || this.#connection.state !== "ready") return;
    this.#learn(item, { mentions, isIncomplete: undefined });
    this.#send(item);
    this.#hear.changed();
  }

  #learn({ chat, clientId }, changes) {
    this.#chats.get(chat)?.timeline.change(clientId, changes);
    this.#outbox.change(clientId, changes).catch(() => {}); // full: a later start looks again
  }

  async #bring(item) {
    const { chat, clientId, kind } = item;
    // A first attempt that arrives late would undo the user's next reaction: no second one yet.
    if (this.#reacting.has(clientId)) return;
    if (kind === "react") this.#reacting.add(clientId);
    try {
      const { seq } = await bring(this.#api, item, (changes) => this.#learn(item, changes))
        .finally(() => this.#reacting.delete(clientId));
      this.#chats.get(chat)?.timeline.settle(clientId, seq);
      await this.#stored(chat, clientId, seq);
    } catch (error) {
      if (error.code === undefined) throw error;
      const { code, retryAfter } = error;
      await this.refused({ clientId, code, retryAfter }, this.#hear.inWords);
    }
  }
}

function frameOf({ chat, clientId, text, replyTo, mentions, attachments }) {
  const frame = { type: "send", chat, clientId, message: text };
  if (replyTo) frame.replyTo = replyTo;
  if (attachments?.length) frame.attachments = attachments.map(({ id }) => id);
  if (mentions?.length) frame.mentions = mentions;
  return frame;
}
