/**
 * Brings chats up to date over REST: the pages that a `Session` requests, and details of chats.
 * Retries until there is an answer.
 */
import { NotFound } from "../client/errors.js";

const EVENTS_AT_ONCE = 200;
const CHATS_AT_ONCE = 8;
const RETRY_MS = 2_000;
const RECOUNT_AFTER_MS = 200; // changes often come in groups

export class CatchUp {
  #api;
  #clock;
  #session;
  #isOpen;
  #hear;
  #awaited = 0; // requests that the user waits for
  #underway = 0; // chats
  #waiting = [];
  #described = new Set();
  #recounted = new Set();

  /**
   * A chat that `isOpen(chat)` is not kept waiting. `hear` is `{followed(outputs), gone(chat, pull),
   * done()}`: outputs of a session; the user is no longer in a chat, according to a pull if one is
   * given; a request ended.
   */
  constructor({ api, clock, session, isOpen, hear }) {
    this.#api = api;
    this.#clock = clock;
    this.#session = session;
    this.#isOpen = isOpen;
    this.#hear = hear;
  }

  /** True while something visible is missing. */
  get isUnderway() {
    return this.#awaited > 0;
  }

  /** Requests the details of a chat. */
  async describe(chat, isAwaited = true) {
    if (this.#described.has(chat)) return;
    this.#described.add(chat);
    const errand = async () => chat.describe(await this.#api.chat(chat.id));
    await this.#patiently(chat, errand, { isAwaited });
    this.#described.delete(chat);
  }

  /** Requests the unread count of a chat, which its events alone do not determine. */
  recount(chat) {
    if (this.#recounted.has(chat)) return;
    this.#recounted.add(chat);
    this.#clock.after(RECOUNT_AFTER_MS, () => {
      this.#recounted.delete(chat);
      if (chat.isMiscounted) this.describe(chat, false);
    });
  }

  /** A chat that waits for its turn may be open now. */
  goOn() {
    for (const go of this.#waiting.splice(0)) go();
  }

  /** Loads page after page until nothing is missing or the socket that needed it has ended. */
  async fill(chat, first) {
    let pull = first;
    await this.#patiently(chat, async () => {
      while (pull && this.#session.wants(pull)) {
        const { events, more } = await this.#api.events(chat.id, pull.after, EVENTS_AT_ONCE);
        const outputs = this.#session.pulled(pull, events, more);
        const next = outputs.find((output) => output.pull);
        this.#hear.followed(outputs.filter((output) => output !== next));
        if (next?.pull.after === pull.after) await this.#pause(); // it brought nothing
        pull = next?.pull;
      }
    }, { gone: () => this.#hear.gone(chat, pull) });
  }

  async #patiently(chat, errand, { isAwaited = true, gone = () => this.#hear.gone(chat, null) }) {
    if (isAwaited) this.#awaited += 1;
    while (!(await this.#isOver(chat, errand, gone)));
    if (isAwaited) this.#awaited -= 1;
    if (chat.isMiscounted) this.recount(chat);
    this.#hear.done();
  }

  #pause() {
    return new Promise((resolve) => this.#clock.after(RETRY_MS, resolve));
  }

  /**
   * One attempt, when it is the chat's turn. One that fails keeps its turn for a pause: however many
   * chats are behind, a server in trouble gets few requests.
   */
  async #isOver(chat, errand, gone) {
    while (this.#underway >= CHATS_AT_ONCE && !this.#isOpen(chat)) {
      await new Promise((resolve) => this.#waiting.push(resolve));
    }
    this.#underway += 1;
    try {
      await errand();
    } catch (error) {
      if (error instanceof NotFound) gone();
      else if (!error.final) {
        await this.#pause();
        return false;
      }
    } finally {
      this.#underway -= 1;
      this.#waiting.shift()?.();
    }
    return true;
  }
}
