/**
 * The calls of a program: a repeated deletion that finds nothing was done by an earlier attempt.
 */
import { NoAnswer, NotFound, Transient, Unavailable } from "./errors.js";
import { receiveFile } from "./files.js";
import { Rest } from "./rest.js";

/**
 * A `Rest`. The page does it differently: it treats a missing message as deleted, whoever did it.
 */
export class ProgramRest extends Rest {
  #open = new Set(); // keys of deletions that may already be done

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
}
