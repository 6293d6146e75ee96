/**
 * What the store has of a session: its tokens, its position in each chat and the user it belongs
 * to, the history's epoch. Written when it changes. The unsent changes in the same store belong to
 * the outbox.
 */
import { UNSENT } from "./outbox.js";

const CURSOR = "cursor ";

export class Kept {
  #store;
  #written = Promise.resolve(); // in sequence, otherwise an older seq might be written last

  constructor(store) {
    this.#store = store;
    this.epoch = null;
    this.user = null; // the user whose position it is, even after their session has ended
  }

  /** `{tokens, cursors, epoch}` from an earlier program. */
  async read() {
    const [tokens, epoch, user, cursors] = await Promise.all([
      this.tokens(), this.#store.get("epoch"), this.#store.get("user"), this.cursors(),
    ]);
    this.epoch = epoch;
    this.user = user ?? tokens?.user ?? null;
    // They are valid only with an epoch, which is written last.
    return { tokens, cursors: epoch === null ? {} : cursors, epoch };
  }

  /** `{chat: seq}` up to which the program has processed each chat. */
  async cursors() {
    await this.#written;
    const names = await this.#store.names(CURSOR);
    const seqs = await Promise.all(names.map((name) => this.#store.get(name)));
    return Object.fromEntries(names.map((name, n) => [name.slice(CURSOR.length), Number(seqs[n])]));
  }

  async tokens() {
    const session = await this.#store.get("session");
    return session === null ? null : JSON.parse(session);
  }

  /** Without `tokens` the session has ended: another window may have stored those of a new one. */
  keepTokens(tokens, ended) {
    return this.#write(async () => {
      if (tokens !== null) await this.#store.put("session", JSON.stringify(tokens));
      else if ((await this.tokens())?.access === ended?.access) await this.#removeTokens();
    });
  }

  keepCursors(cursors, epoch) {
    const before = this.epoch;
    this.epoch = epoch;
    return this.#write(async () => {
      try {
        for (const [chat, seq] of Object.entries(cursors)) {
          await this.#store.put(CURSOR + chat, String(seq));
        }
        if (epoch !== before) await this.#store.put("epoch", epoch);
      } catch (error) {
        if (this.epoch === epoch) this.epoch = before; // the store does not have it
        throw error;
      }
    });
  }

  forgetCursor(chat) {
    return this.#write(async () => this.#store.remove(CURSOR + chat));
  }

  forgetCursors() {
    return this.#forget(CURSOR);
  }

  /** Removes everything except unsent changes. */
  forget() {
    this.user = null;
    this.epoch = null;
    return this.#forget("");
  }

  /** For another user, whose position is still unknown. */
  beginAnew(user) {
    this.user = user;
    this.epoch = null;
    return this.#write(async () => {
      const names = await this.#store.names(CURSOR);
      for (const name of ["epoch", ...names]) await this.#store.remove(name);
      await this.#store.put("user", user);
    });
  }

  async #removeTokens() {
    if (this.user !== null) await this.#store.put("user", this.user);
    await this.#store.remove("session");
  }

  #forget(beginning) {
    return this.#write(async () => {
      for (const name of await this.#store.names(beginning)) {
        if (!name.startsWith(UNSENT)) await this.#store.remove(name);
      }
    });
  }

  #write(work) {
    const writing = this.#written.then(work);
    this.#written = writing.catch(() => {}); // the awaiting caller gets the error
    return writing;
  }
}
