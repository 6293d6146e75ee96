/**
 * Unanswered changes, in the order of the calls in each chat, each in the store until it is
 * answered, so that a restarted program continues where it ended. Its key makes every repeat safe.
 * It belongs to the user who made it: it stays in the store when the session ends, and is never
 * sent as another user.
 */
import { NoAnswer, Transient, Unauthenticated, refusal } from "./errors.js";
import { Lanes } from "./lanes.js";

/** The prefix of names in the store. */
export const UNSENT = "unsent ";
const KEPT = "What is unsent is kept, and sent when the same user logs in again.";

export class Outbox {
  #store;
  #perform;
  #lanes;
  #user = null; // whose changes these are
  #stopped = null; // why nothing is sent
  #resumed = Promise.resolve();
  #isResumed = false; // changes of an earlier session are in the queues
  #queues = new Map(); // chat -> [{change, name, kept, attempt, resolve, reject}]
  #whenEmpty = [];

  /**
   * `perform(change, user)` makes one attempt as that user and returns the answer. A change is
   * `{key, chat, method, path, body}`; the key of a message is its client id.
   */
  constructor({ store, perform, clock, random }) {
    this.#store = store;
    this.#perform = perform;
    this.#lanes = new Lanes({ clock, random, next: (chat) => this.#next(chat) });
  }

  get size() {
    return [...this.#queues.values()].reduce((sum, queue) => sum + queue.length, 0);
  }

  /**
   * The user has a session. Changes left by an earlier session of theirs are sent, once; nobody
   * awaits them, and a refusal drops them.
   */
  resume(user) {
    if (user !== this.#user || this.#stopped !== null) this.#resumed = this.#begin(user);
    return this.#resumed;
  }

  /**
   * Stores and sends a change; returns the answer. Raises a permanent refusal, Unauthenticated when
   * the session has ended, and NoAnswer after `close`: after these two it stays in the store until
   * the same user is back.
   */
  async put(change) {
    if (this.#user === null) throw unauthenticated("Sign up or log in first.");
    const name = `${beginningOf(this.#user)}${change.chat} ${change.key}`;
    const kept = (async () => this.#store.put(name, JSON.stringify(change)))();
    kept.catch(() => {}); // the caller gets the error at the turn of the change
    return new Promise((resolve, reject) => {
      const one = { change, name, kept, resolve, reject };
      this.#queueOf(change.chat).push(one);
      if (this.#stopped !== null) tell(one, this.#stopped);
      else this.#lanes.push(change.chat);
    });
  }

  /** There is a new socket: pending retries run at once. */
  hurry() {
    this.#lanes.restart(this.#queues.keys());
  }

  /**
   * Waits until everything is answered. If something is unsent, raises Unauthenticated when the
   * session has ended and NoAnswer after `close`.
   */
  async empty() {
    if (this.size === 0) return;
    if (this.#stopped !== null) throw this.#stopped;
    await new Promise((resolve, reject) => this.#whenEmpty.push({ resolve, reject }));
  }

  /** Unsent changes stay in the store; their callers get NoAnswer. */
  close() {
    this.#stop(new NoAnswer("The client was closed before the answer. What is unsent is kept."));
  }

  /** The user has logged out: removes their changes, but keeps those of other users. */
  async forget(user) {
    if (user === this.#user) {
      const kept = this.#all().map((one) => one.kept);
      this.#stop(unauthenticated("The user has logged out."));
      this.#user = null;
      this.#queues = new Map();
      await Promise.allSettled(kept);
    }
    for (const name of await this.#store.names(beginningOf(user))) await this.#store.remove(name);
  }

  #all() {
    return [...this.#queues.values()].flat();
  }

  #queueOf(chat) {
    if (!this.#queues.has(chat)) this.#queues.set(chat, []);
    return this.#queues.get(chat);
  }

  async #begin(user) {
    this.#stop(unauthenticated(`Another user has logged in. ${KEPT}`));
    this.#user = user;
    this.#stopped = null;
    this.#isResumed = false;
    this.#queues = new Map();
    const queues = this.#queues;
    let left;
    try {
      left = await this.#left();
    } catch (error) {
      if (queues === this.#queues) this.#stop(error);
      throw error;
    }
    if (queues !== this.#queues) return; // another user has logged in meanwhile
    const known = new Set(this.#all().map(({ name }) => name)); // including those made meanwhile
    for (const one of left.reverse()) {
      if (!known.has(one.name)) this.#queueOf(one.change.chat).unshift(one);
    }
    this.#isResumed = true;
    this.hurry();
  }

  async #left() {
    const left = [];
    for (const name of await this.#store.names(beginningOf(this.#user))) {
      const value = await this.#store.get(name);
      if (value === null) continue;
      left.push({ change: JSON.parse(value), name, kept: null, resolve() {}, reject() {} });
    }
    return left;
  }

  /** Stops sending; all unsent changes stay in the store. */
  #stop(error) {
    this.#stopped = error;
    this.#lanes.restart([]);
    for (const one of this.#all()) tell(one, error);
    for (const { reject } of this.#whenEmpty.splice(0)) reject(error);
  }

  #next(chat) {
    const one = this.#queues.get(chat)?.[0];
    if (one === undefined || this.#stopped !== null || !this.#isResumed) return undefined;
    return {
      key: one.change.key,
      send: () => {
        // Without a key: a first attempt that arrives late would undo a later change.
        const isOnly = one.change.method === "PUT";
        if (!isOnly || !one.attempt) this.#try(one, this.#user);
        return true;
      },
    };
  }

  async #try(one, user) {
    const { chat, key } = one.change;
    const attempt = {};
    one.attempt = attempt; // the latest
    try {
      await one.kept;
      const answer = await this.#perform(one.change, user);
      await this.#settle(one, () => one.resolve(answer));
    } catch (error) {
      const mayPass = error instanceof Transient || error instanceof NoAnswer;
      if (mayPass && one.attempt !== attempt) return; // the next one is under way
      if (mayPass) {
        const isForAll = error.code === "rate_limited" || error.status === 0; // or a refused frame
        this.#lanes.again(chat, key, { retryAfter: error.retryAfter, isForAll });
      }
      else if (!(error instanceof Unauthenticated)) {
        await this.#settle(one, () => one.reject(error));
      } else if (this.#queues.get(chat)?.[0] === one) {
        this.#stop(unauthenticated(`${error.message} ${KEPT}`));
      }
    } finally {
      if (one.attempt === attempt) one.attempt = null;
    }
  }

  async #settle(one, tell) {
    const { chat, key } = one.change;
    const queue = this.#queues.get(chat);
    if (queue?.[0] !== one) return; // another attempt was answered first
    queue.shift();
    if (queue.length === 0) this.#queues.delete(chat);
    tell();
    try {
      await this.#store.remove(one.name);
    } catch {
      // The next program sends it again with the same key.
    } finally {
      this.#lanes.done(chat, key);
      this.#lanes.push(chat);
      if (this.size === 0) for (const { resolve } of this.#whenEmpty.splice(0)) resolve();
    }
  }
}

/** Of the names of a user's changes in the store. */
function beginningOf(user) {
  return `${UNSENT}${user} `;
}

function unauthenticated(detail) {
  return refusal(401, { code: "unauthenticated", detail });
}

/** Tells the caller when the change is stored, or that storing failed. */
async function tell({ kept, reject }, error) {
  try {
    await kept;
    reject(error);
  } catch (failure) {
    reject(failure);
  }
}
