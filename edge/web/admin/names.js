/**
 * Names of people by id; each is requested once.
 */
import { isolated } from "../text/words.js";
import { nameOf } from "./person.js";

export class Names {
  #calls;
  #me;
  #known = new Map();

  constructor({ calls, me }) {
    this.#calls = calls;
    this.#me = me;
    this.#known.set(me.id, nameOf(me));
  }

  /** Loads those that are not known yet; at most 200 at once. */
  async learn(ids) {
    const wanted = [...new Set(ids)].filter((id) => id !== null && !this.#known.has(id));
    if (wanted.length === 0) return;
    const found = await this.#calls.peopleOf(wanted);
    for (const id of wanted) this.#known.set(id, "somebody"); // not requested again
    for (const person of found) this.#known.set(person.id, nameOf(person));
  }

  /** "you" for oneself. */
  of(id) {
    if (id === this.#me.id) return "you";
    return isolated(this.#known.get(id) ?? "somebody");
  }

  /** Without direction marks, for avatars. */
  plain(id) {
    return this.#known.get(id) ?? "somebody";
  }
}
