/**
 * The messages that others answer: taken from what is loaded, else asked for once.
 */
import { isBlank } from "./client/fold.js";
import { saidIn } from "./said.js";

export class Quotes {
  #api;
  #names;
  #onChange;
  #fetched = new Map(); // messageId -> message, null when it is gone, undefined while asked for

  constructor({ api, names, onChange }) {
    this.#api = api;
    this.#names = names;
    this.#onChange = onChange;
  }

  /** `{seq, by, name, text}` of a message; `{text: null, words}` where there is no text. */
  of(chat, messageId) {
    const message = chat.timeline.messageOf(messageId) ?? this.#fetched.get(messageId);
    if (message === undefined) {
      if (!this.#fetched.has(messageId)) this.#ask(chat, messageId);
      return { text: null, words: "…" };
    }
    if (message === null || isBlank(message)) return { text: null, words: "Deleted message" };
    const { seq, by, message: text, attachments } = message;
    return { seq, by, name: this.#names.of(by), text: saidIn(text, attachments) };
  }

  /** What changes is asked for again, so that no text outlives its deletion here. */
  heard({ messageId, of }) {
    if (of !== undefined) this.#fetched.delete(messageId);
  }

  async #ask(chat, messageId) {
    this.#fetched.set(messageId, undefined);
    try {
      this.#fetched.set(messageId, await this.#api.message(chat.id, messageId));
    } catch (error) {
      if (error.code === "not_found") this.#fetched.set(messageId, null);
      else this.#fetched.delete(messageId); // the next drawing asks again
    }
    this.#onChange();
  }
}
