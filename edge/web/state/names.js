/**
 * People's profiles by id: requested in batches and stored in this browser. Names and statuses may
 * change, so shown ones are refreshed from time to time.
 */
import { apart } from "../text/words.js";

const AT_ONCE = 200;
const TOGETHER_MS = 20; // one request for each drawing
const STALE_MS = 600_000;
const LOOKED_AT_MS = 10_000; // opening a profile refreshes it
const NEEDED_MS = 10_000; // between requests for names that are needed and did not come
const UNKNOWN = "…";

/** The display name of a person; undefined if unknown. */
export function shownName(user) {
  return user?.displayName ?? user?.username;
}

export class Names {
  #api;
  #database;
  #clock;
  #onChange;
  #known = new Map(); // id -> {id, username, displayName, status, avatar}
  #askedAt = new Map(); // id or user name -> ms; including failed requests
  #queue = new Set();
  #asking = null; // while requests are pending

  constructor({ api, database, clock, onChange }) {
    this.#api = api;
    this.#database = database;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  async load() {
    for (const user of await this.#database.all("names")) this.#known.set(user.id, user);
  }

  /** The name, or "…" until it is known and `onChange` is called. */
  of(id) {
    if (!this.#wasAsked(id, STALE_MS)) this.#want(id);
    return shownName(this.#known.get(id)) ?? UNKNOWN;
  }

  /** `{id, username, displayName, status, avatar}` as far as known; requests nothing. */
  known(id) {
    return this.#known.get(id);
  }

  /** All known profiles. */
  get ids() {
    return [...this.#known.keys()];
  }

  /** A person's status line, or "". */
  statusOf(id) {
    return this.#known.get(id)?.status ?? "";
  }

  /** The address of a person's profile picture, or "". */
  pictureOf(id) {
    return this.#known.get(id)?.avatar ?? "";
  }

  /** Whether one of a person's known names has this prefix. */
  isCalled(id, start) {
    const { username = "", displayName } = this.#known.get(id) ?? {};
    const wanted = start.toLowerCase();
    return [username, ...(displayName ?? "").split(/\s+/u), displayName ?? ""]
      .some((name) => name !== "" && name.toLowerCase().startsWith(wanted));
  }

  /** A text with mentions of these people by user name replaced by display names. */
  namedIn(text, mentioned = []) {
    return mentioned.reduce((said, id) => {
      const user = this.#known.get(id);
      if (!user?.displayName) return said;
      const name = user.username.replaceAll(".", "\\.");
      return said.replace(new RegExp(`(?<![\\w@.])@${name}(?!\\w)`, "giu"), () => `@${apart(user.displayName)}`);
    }, text);
  }

  /** The one of these people with this user name, if known; else undefined. */
  oneCalled(name, ids) {
    const wanted = name.toLowerCase();
    return ids.find((id) => this.#known.get(id)?.username.toLowerCase() === wanted);
  }

  /** Stores profiles that the server has just returned. */
  async learn(users) {
    const changed = users.map((
      { id, username, displayName = null, status = null, avatar = null },
    ) => ({ id, username, displayName, status, avatar })).filter((user) => JSON.stringify(user) !== JSON.stringify(this.#known.get(user.id)));
    for (const user of users) this.#askedAt.set(user.id, this.#clock.now());
    if (changed.length === 0) return;
    for (const user of changed) this.#known.set(user.id, user);
    this.#onChange();
    await this.#database.putAll("names", changed).catch(() => {}); // full: the server has them
  }

  /** Retries failed requests. */
  askAgain() {
    for (const id of this.#askedAt.keys()) if (!this.#known.has(id)) this.#askedAt.delete(id);
    this.#onChange();
  }

  /** Refreshes a person whose profile is opened; resolves when it is current. */
  async look(id) {
    if (this.#wasAsked(id, LOOKED_AT_MS)) return;
    this.#askedAt.set(id, this.#clock.now());
    await this.#learnFrom(this.#api.users([id]));
  }

  /** Requests those of these people who are unknown; resolves when they have come, or failed to. */
  async need(ids) {
    for (const id of ids) {
      if (!this.#known.has(id) && !this.#wasAsked(id, NEEDED_MS)) this.#want(id);
    }
    await this.#asking;
  }

  /** Looks somebody up by user name, if nobody did just now; resolves even if that failed. */
  async find(name) {
    if (this.#wasAsked(name, NEEDED_MS)) return;
    this.#askedAt.set(name, this.#clock.now());
    await this.#learnFrom(this.#api.usersNamed(name));
  }

  /** Forgets a person whose account has changed. */
  forget(id) {
    this.#askedAt.delete(id);
    this.#onChange();
  }

  #wasAsked(id, withinMs) {
    return this.#clock.now() - (this.#askedAt.get(id) ?? -Infinity) < withinMs;
  }

  #want(id) {
    this.#askedAt.set(id, this.#clock.now());
    this.#queue.add(id);
    this.#asking ??= this.#ask();
  }

  async #ask() {
    await new Promise((resolve) => this.#clock.after(TOGETHER_MS, resolve));
    try {
      while (this.#queue.size > 0) {
        const ids = [...this.#queue].slice(0, AT_ONCE);
        for (const id of ids) this.#queue.delete(id);
        await this.#learnFrom(this.#api.users(ids));
      }
    } finally {
      this.#asking = null;
    }
  }

  async #learnFrom(asked) {
    try {
      await this.learn(await asked);
    } catch (error) {
      if (error.code === undefined) throw error;
      // They stay unchanged for now; no view depends on a name.
    }
  }
}
