/**
 * What of a session is in the store: its tokens, its place in each chat and whose that is, the
 * history's epoch. Written as it changes. The unsent changes beside it are the outbox's.
 */
import { UNSENT } from "./outbox.js";

const CURSOR = "cursor ";

export class Kept {
  #store;
  #written = Promise.resolve(); // one after the other, or an older seq might come last

  constructor(store) {
    this.#store = store;
    this.epoch = null;
    this.user = null; // whose place it is, also when their session has ended
  }

  /** `{tokens, cursors, epoch}` as an earlier program left them. */
  async read() {
    const [tokens, epoch, user, names] = await Promise.all([
      this.tokens(), this.#store.get("epoch"), this.#store.get("user"), this.#store.names(CURSOR),
    ]);
    const seqs = await Promise.all(names.map((name) => this.#store.get(name)));
    this.epoch = epoch;
    this.user = user ?? tokens?.user ?? null;
    return {
      tokens,
      // They count from when the epoch is there, which is written last.
      cursors: epoch === null
        ? {}
        : Object.fromEntries(names.map((name, n) => [name.slice(CURSOR.length), Number(seqs[n])])),
      epoch,
    };
  }

  async tokens() {
    const session = await this.#store.get("session");
    return session === null ? null : JSON.parse(session);
  }

  keepTokens(tokens) {
    return this.#write(() => (tokens === null
      ? this.#removeTokens()
      : this.#store.put("session", JSON.stringify(tokens))));
  }

  /** Their session has ended. Another window may have left those of a new one. */
  forgetTokens({ access }) {
    return this.#write(async () => {
      if ((await this.tokens())?.access === access) await this.#removeTokens();
    });
  }

  keepCursors(cursors, epoch) {
    const isNew = epoch !== this.epoch;
    this.epoch = epoch;
    return this.#write(async () => {
      for (const [chat, seq] of Object.entries(cursors)) {
        await this.#store.put(CURSOR + chat, String(seq));
      }
      if (isNew) await this.#store.put("epoch", epoch);
    });
  }

  forgetCursor(chat) {
    return this.#write(async () => this.#store.remove(CURSOR + chat));
  }

  forgetCursors() {
    return this.#forget(CURSOR);
  }

  /** Everything but what is unsent. */
  async forget() {
    this.user = null;
    await this.#forget("");
    this.epoch = null;
  }

  /** For another user, of whose place nothing is known yet. */
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
    this.#written = writing.catch(() => {}); // whoever awaits it hears of it
    return writing;
  }
}
