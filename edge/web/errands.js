/**
 * What somebody asked for and what may come of it: says in words what did not happen.
 */
import { refusalInWords } from "./words.js";

export class Errands {
  #say;
  #show;

  /** `say(sentence)` stays for a while, `show(sentence)` for a moment. */
  constructor({ say, show }) {
    this.#say = say;
    this.#show = show;
  }

  /** What is being kept in this browser. */
  async keep(kept) {
    try {
      await kept;
    } catch {
      this.#say("This browser is full: unsent messages do not survive a reload.");
    }
  }

  /** What is being loaded for a log. */
  async load(loading) {
    try {
      await loading;
    } catch (error) {
      if (error.code === undefined) throw error;
      // The line at the top of the log still says that there is more; scrolling asks again.
    }
  }

  /** What is being done at the server. */
  async do(asked) {
    try {
      await asked;
    } catch (error) {
      if (error.code === undefined) throw error;
      this.#show(refusalInWords(error));
    }
  }

  /** By what the system has for it; whoever changes their mind there has not been refused. */
  async share(what) {
    try {
      await navigator.share(what);
    } catch (error) {
      if (error.name !== "AbortError") this.#say("Could not share: your browser does not allow it.");
    }
  }

  /** `done` is what to say once it is copied. */
  async copy(text, done) {
    try {
      await navigator.clipboard.writeText(text);
      this.#show(done);
    } catch {
      this.#say("Could not copy: your browser does not allow it.");
    }
  }
}
