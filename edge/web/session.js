/**
 * Whose session this browser has, as far as it remembers. The refresh token lives in an HttpOnly
 * cookie that no script can read, the access token in this window's calls. Knows nothing of chats.
 */
import { exchange } from "./client/exchange.js";
import { Rest } from "./client/rest.js";

const REPEAT_MS = 5_000; // somebody waits
const LAST_HERE = "hubbub"; // in localStorage while there may be a session: whose
const SOMEBODY = "1";

export class Session {
  #fetch;

  /** `locks` is `navigator.locks` where there is one. */
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

  /** Asks once: the code works once. Ends all sessions of whom it was made for. */
  async resetPassword({ code, password }) {
    await exchange(this.#fetch, "POST", "/api/user/reset", { body: { code, password } });
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

  /** Calls when another window logs in as somebody else than `id`; `signal` ends it. */
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

/** Who may be signed in, as far as this browser keeps anything. */
function remember(value) {
  try {
    if (value === null) localStorage.removeItem(LAST_HERE);
    else localStorage.setItem(LAST_HERE, value);
  } catch {
    // Nothing can be kept here: the server is asked instead.
  }
}
