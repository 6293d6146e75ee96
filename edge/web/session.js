/**
 * Who is signed in, and the access token of this window. The refresh token lives in an HttpOnly
 * cookie that no script can read. Knows nothing of chats.
 */
import { Refusal, Unreachable, exchange } from "./client/exchange.js";

const COOKIE = { "X-Hubbub-Session": "cookie" };
const RENEW_BEFORE_MS = 30_000;
const LAST_HERE = "hubbub"; // in localStorage while there may be a session: whose
const SOMEBODY = "1";

/** The session is over: only logging in helps, no repetition. */
export class SignedOut extends Error {
  code = "unauthenticated";
  final = true;
}

export class Session {
  #fetch;
  #locks;
  #now;
  #token = null;
  #staleAt = 0;
  #renewal = null;

  /** `locks` is `navigator.locks` where there is one: two windows must not spend one cookie. */
  constructor({ fetch, locks, now }) {
    this.#fetch = fetch;
    this.#locks = locks;
    this.#now = now;
  }

  /** Makes an account and its session; an empty password makes one without. */
  async signUp({ username, email, password, invite }, key) {
    const body = { username, email, password: password || undefined, invite };
    const headers = { ...COOKIE, "Idempotency-Key": key };
    return this.#keep(await this.#twice("/api/user", { body, headers })).user;
  }

  async logIn({ username, password }) {
    const request = { body: { username, password }, headers: COOKIE };
    return this.#keep(await this.#twice("/api/user/login", request)).user;
  }

  /** Asks once: the code works once. Ends all sessions of whom it was made for. */
  async resetPassword({ code, password }) {
    await exchange(this.#fetch, "POST", "/api/user/reset", { body: { code, password } });
  }

  /** Ends the session on the server, which also closes its sockets, and forgets the token. */
  async logOut() {
    const headers = { ...COOKIE, Authorization: `Bearer ${await this.token()}` };
    await exchange(this.#fetch, "POST", "/api/user/logout", { body: {}, headers });
    this.forget();
  }

  forget() {
    this.#token = null;
    remember(null);
  }

  /** False when nobody can be signed in here, so that asking the server would be an error. */
  async mayBeThere() {
    try {
      if (localStorage.getItem(LAST_HERE)) return true;
      // A session that is older than this page left a database.
      const databases = await indexedDB.databases();
      return databases.some(({ name }) => name.startsWith("hubbub "));
    } catch {
      return true;
    }
  }

  /** The id of the person who was here last, or "" where that is not known. */
  get lastId() {
    const last = lastHere();
    return last === SOMEBODY ? "" : last;
  }

  /** Whose session it is. */
  belongsTo(id) {
    remember(id);
  }

  /** An access token that is good for a while yet. Raises SignedOut, Refusal or Unreachable. */
  async token() {
    if (this.#token !== null && this.#now() < this.#staleAt) return this.#token;
    return this.renew();
  }

  /** A new access token for the one that the server has just refused, or `refused` is absent. */
  async renew(refused = this.#token) {
    if (this.#token !== null && this.#token !== refused) return this.#token;
    this.#renewal ??= this.#refresh().finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  /** Again when the outcome is open: a sign-up has its key, a second log-in does no harm. */
  async #twice(path, request) {
    try {
      return await exchange(this.#fetch, "POST", path, request);
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
    }
    return exchange(this.#fetch, "POST", path, request);
  }

  async #refresh() {
    const ask = () =>
      exchange(this.#fetch, "POST", "/api/user/refresh", { body: {}, headers: COOKIE });
    try {
      const answer = this.#locks
        ? await this.#locks.request("hubbub-refresh", ask)
        : await ask();
      this.#keep(answer);
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== "unauthenticated") throw error;
      this.forget();
      throw new SignedOut("The session has ended.");
    }
    return this.#token;
  }

  #keep(answer) {
    this.#token = answer.token;
    if (lastHere() === "") remember(SOMEBODY);
    this.#staleAt = this.#now() + answer.expiresIn * 1000 - RENEW_BEFORE_MS;
    return answer;
  }
}

function lastHere() {
  try {
    return localStorage.getItem(LAST_HERE) ?? "";
  } catch {
    return "";
  }
}

/** Who may be signed in, as far as this browser keeps anything. */
function remember(value) {
  try {
    if (value === null) localStorage.removeItem(LAST_HERE);
    else localStorage.setItem(LAST_HERE, value);
  } catch {
    // Nothing can be kept here: the server is asked instead.
  }
}
