/**
 * Who people are by their ids: many are asked for at once, and kept in this browser. Names and status
 * lines may change, so those that are shown are asked for again now and then.
 */
import { apart } from "./words.js";

const AT_ONCE = 200;
const TOGETHER_MS = 20; // what one drawing wants is one request
const STALE_MS = 600_000;
const LOOKED_AT_MS = 10_000; // whoever looks at somebody wants to see what is so now
const UNKNOWN = "…";

/** What somebody is called where others see them; undefined where nothing is known. */
export function shownName(user) {
  return user?.displayName ?? user?.username;
}

export class Names {
  #api;
  #database;
  #clock;
  #onChange;
  #known = new Map(); // id -> {id, username, displayName, status, avatar}
  #askedAt = new Map(); // id -> ms; also those that could not be answered
  #queue = new Set();
  #isAsking = false;

  constructor({ api, database, clock, onChange }) {
    this.#api = api;
    this.#database = database;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  async load() {
    for (const user of await this.#database.all("names")) this.#known.set(user.id, user);
  }

  /** The name, or "…" until it is known, which `onChange` then says. */
  of(id) {
    if (!this.#wasAsked(id, STALE_MS)) this.#want(id);
    return shownName(this.#known.get(id)) ?? UNKNOWN;
  }

  /** `{id, username, displayName, status, avatar}` as far as it is known; asks nobody. */
  known(id) {
    return this.#known.get(id);
  }

  /** Of all who are known. */
  get ids() {
    return [...this.#known.keys()];
  }

  /** What somebody says of themselves, or "". */
  statusOf(id) {
    return this.#known.get(id)?.status ?? "";
  }

  /** The address of the picture that somebody shows of themself, or "". */
  pictureOf(id) {
    return this.#known.get(id)?.avatar ?? "";
  }

  /** Whether one of somebody's names begins so, as far as they are known here. */
  isCalled(id, start) {
    const { username = "", displayName } = this.#known.get(id) ?? {};
    const wanted = start.toLowerCase();
    return [username, ...(displayName ?? "").split(/\s+/u), displayName ?? ""]
      .some((name) => name !== "" && name.toLowerCase().startsWith(wanted));
  }

  /** A text with these people, whom it mentions by their user names, as others see them. */
  namedIn(text, mentioned = []) {
    return mentioned.reduce((said, id) => {
      const user = this.#known.get(id);
      if (!user?.displayName) return said;
      const name = user.username.replaceAll(".", "\\.");
      return said.replace(new RegExp(`(?<![\\w@.])@${name}(?!\\w)`, "giu"), () => `@${apart(user.displayName)}`);
    }, text);
  }

  /** The one of these people whose user name this is, as far as it is known here; else undefined. */
  oneCalled(name, ids) {
    const wanted = name.toLowerCase();
    return ids.find((id) => this.#known.get(id)?.username.toLowerCase() === wanted);
  }

  /** These people are so, as the server has just said. */
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

  /** What could not be answered may be now. */
  askAgain() {
    for (const id of this.#askedAt.keys()) if (!this.#known.has(id)) this.#askedAt.delete(id);
    this.#onChange();
  }

  /** Somebody looks at this person in particular; resolves when they are shown as they are now. */
  async look(id) {
    if (this.#wasAsked(id, LOOKED_AT_MS)) return;
    this.#askedAt.set(id, this.#clock.now());
    await this.#learnOf([id]);
  }

  /** This person is another one than they were. */
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
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#clock.after(TOGETHER_MS, () => this.#ask());
  }

  async #ask() {
    while (this.#queue.size > 0) {
      const ids = [...this.#queue].slice(0, AT_ONCE);
      for (const id of ids) this.#queue.delete(id);
      await this.#learnOf(ids);
    }
    this.#isAsking = false;
  }

  async #learnOf(ids) {
    try {
      await this.learn(await this.#api.users(ids));
    } catch (error) {
      if (error.code === undefined) throw error;
      // They stay as they are for now; no view depends on a name.
    }
  }
}
