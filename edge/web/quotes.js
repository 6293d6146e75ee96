/**
 * The messages that others answer: taken from what is loaded, else asked for once.
 */
import { isBlank } from "./client/fold.js";
import { saidIn } from "./said.js";

const RETRY_MS = 2_000;

export class Quotes {
  #api;
  #names;
  #clock;
  #onChange;
  #fetched = new Map(); // messageId -> message, null when it is gone
  #asked = new Map(); // messageId -> the promise of what is asked for

  constructor({ api, names, clock, onChange }) {
    this.#api = api;
    this.#names = names;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** `{seq, by, name, text}` of a message; `{text: null, words}` where there is no text. */
  of(chat, messageId) {
    const message = chat.timeline.messageOf(messageId) ?? this.#fetched.get(messageId);
    if (message === undefined) {
      if (!this.#asked.has(messageId)) this.#ask(chat, messageId);
      return { text: null, words: "…" };
    }
    if (message === null || isBlank(message)) return { text: null, words: "Deleted message" };
    const { seq, by, message: text, attachments } = message;
    return { seq, by, name: this.#names.of(by), text: saidIn(text, attachments) };
  }

  /** What changes is asked for again, so that no text outlives its deletion here. */
  heard({ messageId, of }) {
    if (of !== undefined) this.#forget(messageId);
  }

  async #ask(chat, messageId) {
    const asked = this.#api.message(chat.id, messageId);
    this.#asked.set(messageId, asked);
    const found = await asked.catch(({ code }) => (code === "not_found" ? null : undefined));
    if (this.#asked.get(messageId) !== asked) return; // it has changed since
    if (found === undefined) this.#clock.after(RETRY_MS, () => this.#forget(messageId));
    else this.#fetched.set(messageId, found);
    this.#onChange();
  }

  /** The next drawing asks. */
  #forget(messageId) {
    this.#fetched.delete(messageId);
    this.#asked.delete(messageId);
  }
}
