/**
 * Runs actions of the user and reports failures in words.
 */
import { refusalInWords } from "../text/words.js";

export class Errands {
  #say;
  #show;

  /** `say(sentence)` is shown for longer, `show(sentence)` briefly. */
  constructor({ say, show }) {
    this.#say = say;
    this.#show = show;
  }

  /** For writes to this browser's storage. */
  async keep(kept) {
    try {
      await kept;
    } catch {
      this.#say("This browser is full: unsent messages do not survive a reload.");
    }
  }

  /** For loads of a log; false if it failed. */
  async load(loading) {
    try {
      await loading;
      return true;
    } catch (error) {
      if (error.code === undefined) throw error;
      return false; // the top of the log still says that there is more; scrolling retries
    }
  }

  /** For actions at the server. */
  async do(asked) {
    try {
      await asked;
    } catch (error) {
      if (error.code === undefined) throw error;
      this.#show(refusalInWords(error));
    }
  }
}
