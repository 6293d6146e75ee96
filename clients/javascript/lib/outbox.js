/**
 * Changes without an answer, in the order of the calls in each chat, each in the store until it is
 * answered, so that a program that starts again goes on where it ended. Its key makes every repeat
 * safe.
 */
import { NoAnswer, Transient } from "./errors.js";
import { Lanes } from "./lanes.js";

const UNSENT = "unsent ";

export class Outbox {
  #store;
  #perform;
  #lanes;
  #queues = new Map(); // chat -> [{change, kept, answered}]
  #hasEnded = false;
  #whenEmpty = [];

  /**
   * `perform(change)` makes one attempt and gives the answer. A change is `{key, chat, method, path,
   * body}`; the key of a message is its client id.
   */
  constructor({ store, perform, clock, random }) {
    this.#store = store;
    this.#perform = perform;
    this.#lanes = new Lanes({ clock, random, next: (chat) => this.#next(chat) });
  }

  get size() {
    return [...this.#queues.values()].reduce((sum, queue) => sum + queue.length, 0);
  }

  /** Sends what an earlier program left. Nobody awaits it; a refusal ends it. */
  async resume() {
    for (const name of await this.#store.names(UNSENT)) {
      const value = await this.#store.get(name);
      if (value !== null) this.#queue(JSON.parse(value), null).catch(() => {});
    }
  }

  /** Keeps and sends a change; gives the answer. Raises what refuses it for good. */
  put(change) {
    const kept = (async () => this.#store.put(UNSENT + change.key, JSON.stringify(change)))();
    return this.#queue(change, kept);
  }

  /** There is a new socket: who waited to try again need not any longer. */
  hurry() {
    this.#lanes.restart(this.#queues.keys());
  }

  /** Waits until everything is answered. */
  async empty() {
    if (this.size > 0) await new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  /** What is unsent stays in the store. */
  close() {
    this.#hasEnded = true;
    this.#lanes.restart([]);
  }

  #queue(change, kept) {
    return new Promise((resolve, reject) => {
      const { chat } = change;
      if (!this.#queues.has(chat)) this.#queues.set(chat, []);
      this.#queues.get(chat).push({ change, kept, resolve, reject });
      this.#lanes.push(chat);
    });
  }

  #next(chat) {
    const one = this.#queues.get(chat)?.[0];
    if (one === undefined || this.#hasEnded) return undefined;
    return {
      key: one.change.key,
      send: () => {
        this.#try(one);
        return true;
      },
    };
  }

  async #try(one) {
    const { change, kept } = one;
    try {
      await kept;
      const answer = await this.#perform(change);
      await this.#settle(one, () => one.resolve(answer));
    } catch (error) {
      const mayPass = error instanceof Transient || error instanceof NoAnswer;
      if (mayPass) this.#lanes.again(change.chat, change.key, error.retryAfter);
      else await this.#settle(one, () => one.reject(error));
    }
  }

  async #settle(one, tell) {
    const { chat, key } = one.change;
    const queue = this.#queues.get(chat);
    if (queue?.[0] !== one) return; // another attempt had its answer before
    queue.shift();
    if (queue.length === 0) this.#queues.delete(chat);
    tell();
    await this.#store.remove(UNSENT + key);
    this.#lanes.done(chat, key);
    this.#lanes.push(chat);
    if (this.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }
}
