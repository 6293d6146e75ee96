/**
 * Messages quoted by replies: taken from loaded ones, else requested once.
 */
import { isBlank } from "../client/fold.js";
import { saidIn } from "../text/said.js";

const RETRY_MS = 2_000;

export class Quotes {
  #api;
  #names;
  #clock;
  #onChange;
  #fetched = new Map(); // messageId -> message, null if it is gone
  #asked = new Map(); // messageId -> promise of the request

  constructor({ api, names, clock, onChange }) {
    this.#api = api;
    this.#names = names;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** `{seq, by, name, text}` of a message; `{text: null, words}` if there is no text. */
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

  /** Changed messages are requested again, so that no text outlives its deletion. */
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

  /** The next drawing retries. */
  #forget(messageId) {
    this.#fetched.delete(messageId);
    this.#asked.delete(messageId);
  }
}
