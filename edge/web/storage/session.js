/**
 * This browser's session, as far as it remembers. The refresh token is in an HttpOnly cookie that
 * no script can read, the access token in this window's calls. Knows nothing of chats.
 */
import { exchange } from "../client/exchange.js";
import { Rest } from "../client/rest.js";

const REPEAT_MS = 5_000; // somebody waits
const LAST_HERE = "hubbub"; // in localStorage while there may be a session: its user
const SOMEBODY = "1";

export class Session {
  #fetch;

  /** `locks` is `navigator.locks` if available. */
  constructor({ fetch, clock, locks }) {
    this.#fetch = fetch;
    this.rest = new Rest({
      fetch, clock, locks, isCookie: true, repeatMs: REPEAT_MS,
      onTokens(tokens) {
        if (tokens === null) remember(null);
        else if (lastHere() === "") remember(SOMEBODY);
      },
    });
  }

  /** Does not retry: the code works once. Ends all sessions of its user. */
  async resetPassword({ code, password }) {
    await exchange(this.#fetch, "POST", "/api/user/reset", { body: { code, password } });
  }

  /** False if there cannot be a session, so that asking the server would be an error. */
  async mayBeThere() {
    try {
      if (localStorage.getItem(LAST_HERE)) return true;
      // A session from before this version left a database.
      const databases = await indexedDB.databases();
      return databases.some(({ name }) => name.startsWith("hubbub "));
    } catch {
      return true;
    }
  }

  /** The id of the last user, or "" if unknown. */
  get lastId() {
    const last = lastHere();
    return last === SOMEBODY ? "" : last;
  }

  /** The user of the session. */
  belongsTo(id) {
    remember(id);
  }

  /** Calls back when another window logs in as a user other than `id`; `signal` ends it. */
  whenTaken(id, call, signal) {
    addEventListener("storage", ({ key, newValue }) => {
      if (key === LAST_HERE && newValue && newValue !== SOMEBODY && newValue !== id) call();
    }, { signal });
  }
}

function lastHere() {
  try {
    return localStorage.getItem(LAST_HERE) ?? "";
  } catch {
    return "";
  }
}

/** The user who may be signed in, as stored in this browser. */
function remember(value) {
  try {
    if (value === null) localStorage.removeItem(LAST_HERE);
    else localStorage.setItem(LAST_HERE, value);
  } catch {
    // Nothing can be stored here: the server is asked instead.
  }
}
