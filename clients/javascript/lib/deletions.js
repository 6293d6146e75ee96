/**
 * The calls of a program: a repeated deletion that finds nothing was done by an earlier attempt, and
 * the program may end all repeats.
 */
import { NoAnswer, NotFound, Transient, Unavailable } from "./errors.js";
import { receiveFile } from "./files.js";
import { Rest } from "./rest.js";

/**
 * A `Rest`. The page does it differently: it treats a missing message as deleted, whoever did it.
 */
export class ProgramRest extends Rest {
  #clock;
  #open = new Set(); // keys of deletions that may already be done
  #repeated = new Map(); // what is asked until it is answered -> a function that ends its pause

  constructor(given) {
    super(given);
    this.#clock = given.clock;
  }

  /** The bytes in pieces. Raises Refused, NoAnswer. */
  download(path) {
    return receiveFile(this, path);
  }

  async attempt(method, path, body, key, ...rest) {
    const mayBeDone = this.#open.has(key);
    if (method === "DELETE") this.#open.add(key);
    let isOpen = false;
    try {
      return await super.attempt(method, path, body, key, ...rest);
    } catch (error) {
      if (mayBeDone && error instanceof NotFound) return {};
      isOpen = error instanceof NoAnswer || error instanceof Unavailable
        || (mayBeDone && error instanceof Transient);
      throw error;
    } finally {
      if (!isOpen) this.#open.delete(key);
    }
  }

  async repeat(ask, ...rest) {
    this.#repeated.set(ask, () => {});
    try {
      return await super.repeat(ask, ...rest);
    } finally {
      this.#repeated.delete(ask);
    }
  }

  async pause(ms, ask, error) {
    if (ask === undefined) return super.pause(ms);
    if (!this.#repeated.has(ask)) throw error;
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(ms, resolve);
      this.#repeated.set(ask, () => {
        cancel();
        reject(error);
      });
    });
  }

  /** No call is repeated any more: each raises the error of its last attempt, also of one under way. */
  endRepeats() {
    for (const end of this.#repeated.values()) end();
    this.#repeated.clear();
  }
}
