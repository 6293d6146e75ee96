/**
 * The calls of a program: a deletion that is repeated and finds nothing was done by an earlier try.
 */
import { NoAnswer, NotFound, Transient, Unavailable } from "./errors.js";
import { Rest } from "./rest.js";

/** A `Rest`, of which the page has another idea: it takes what is gone for deleted, whoever did it. */
export class ProgramRest extends Rest {
  #open = new Set(); // keys of deletions that may be done

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
}
