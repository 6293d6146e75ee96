/**
 * The REST calls of one session: its tokens, and the repeats that the contract allows. A call whose
 * outcome is open, or that a rate has refused, is made again under its key for as long as `repeatMs`.
 */
import { Unauthenticated, refusal } from "./errors.js";
import { exchange } from "./exchange.js";
import { newId } from "./ids.js";

const REFRESH_BEFORE_MS = 60_000;
const LEAST_PAUSE_MS = 100; // between tries of which the server says nothing
const MORE_PAUSE_MS = 300;
const OPEN = new Set(["unavailable"]); // the outcome is unknown
const PASSING = new Set(["unavailable", "rate_limited"]);
const KEYED = new Set(["POST", "PATCH", "DELETE"]);
const COOKIE = { "X-Hubbub-Session": "cookie" };
const NO_COOKIE = {};
const ANOTHER_USER = { code: "unauthenticated", detail: "Another user has logged in." };
const LOG_IN_FIRST = { code: "unauthenticated", detail: "Sign up or log in first." };

export class Rest {
  #clock;
  #random;
  #repeatMs;
  #locks;
  #stored;
  #cookie;
  #renewal = null;

  /**
   * `tokens` is `{user, access, refresh, expires}` of an earlier session or null, `onTokens` is told
   * of each new one, and of null. With `isCookie` the refresh token lives in a cookie of the page's
   * origin that no script can read. `stored()` gives the tokens that another window may have left.
   * `locks` is `navigator.locks` then: two windows must not spend one cookie or token.
   */
  constructor({
    fetch, clock, random = Math.random, origin = "", tokens = null, onTokens = () => {},
    repeatMs = 30_000, isCookie = false, locks, stored = async () => null,
  }) {
    this.fetch = fetch;
    this.#clock = clock;
    this.#random = random;
    this.#repeatMs = repeatMs;
    this.#locks = locks;
    this.#stored = stored;
    this.#cookie = isCookie ? COOKIE : NO_COOKIE;
    this.origin = origin;
    this.tokens = tokens;
    this.onTokens = onTokens;
  }

  /** Makes an account and its session; without a password it lasts as long as the session. */
  async signUp({ username, email, password, invite }, key = newId()) {
    const body = { username, email, password: password || undefined, invite };
    return this.#begin("/api/user", { body, headers: { "Idempotency-Key": key } });
  }

  async logIn({ username, password }) {
    return this.#begin("/api/user/login", { body: { username, password } });
  }

  /** Ends the session on the server, which also closes its sockets, and forgets the tokens. */
  async logOut() {
    const key = newId();
    const ask = () => this.attempt("POST", "/api/user/logout", {}, key, undefined, this.#cookie);
    try {
      await this.repeat(ask, this.#repeatMs, OPEN);
    } catch (error) {
      if (!(error instanceof Unauthenticated)) throw error; // it has ended, maybe by an earlier try
    }
    await this.forget();
  }

  async forget() {
    this.tokens = null;
    await this.onTokens(null);
  }

  /** An access token that is good for a while yet. Raises Unauthenticated, Refused or NoAnswer. */
  async accessToken() {
    const { tokens } = this;
    return tokens !== null && this.#isFresh(tokens) ? tokens.access : this.renew();
  }

  /** A new access token for the one that the server has just refused, or is about to. */
  async renew(refused = this.tokens?.access) {
    if (this.tokens !== null && this.tokens.access !== refused) return this.tokens.access;
    this.#renewal ??= this.#refresh().finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  /**
   * The answer's body. `key` makes a repeat of the program's own safe; one is made where there is
   * none. With `user` it is made in a session of that user or not at all. Raises Refused or NoAnswer.
   */
  async call(method, path, body, { key, repeatMs = this.#repeatMs, user } = {}) {
    const made = key ?? (KEYED.has(method) ? newId() : undefined);
    return this.repeat(() => this.attempt(method, path, body, made, user), repeatMs);
  }

  /** What `ask()` gives, as often as it raises one of these codes and there is time. */
  async repeat(ask, repeatMs = this.#repeatMs, codes = PASSING) {
    const until = this.#clock.now() + repeatMs;
    for (;;) {
      let pauseMs = LEAST_PAUSE_MS + this.#random() * MORE_PAUSE_MS;
      try {
        return await ask();
      } catch (error) {
        pauseMs = Math.max(pauseMs, (error.retryAfter ?? 0) * 1_000);
        if (!codes.has(error.code) || this.#clock.now() + pauseMs > until) throw error;
      }
      await new Promise((resolve) => this.#clock.after(pauseMs, resolve));
    }
  }

  /** One try of a call. */
  async attempt(method, path, body, key, user, extra = {}) {
    return this.authorized((headers) => this.#exchange(method, path, {
      body, headers: { ...extra, ...headers },
    }), key, user);
  }

  /** What `ask(headers)` gives, at the second time where the server refuses the token. */
  async authorized(ask, key, user) {
    const token = await this.accessToken();
    this.#expect(user);
    try {
      return await ask(headersOf(token, key));
    } catch (error) {
      if (!(error instanceof Unauthenticated)) throw error;
    }
    const renewed = await this.renew(token);
    this.#expect(user);
    return ask(headersOf(renewed, key));
  }

  #expect(user) {
    if (user !== undefined && this.tokens?.user !== user) throw refusal(401, ANOTHER_USER);
  }

  /** Somebody waits at a form: what a rate refuses is told at once. */
  async #begin(path, { body, headers }) {
    const request = { body, headers: { ...this.#cookie, ...headers } };
    const ask = () => this.#exchange("POST", path, request);
    const answer = await this.repeat(ask, this.#repeatMs, OPEN);
    await this.#keep(answer, answer.user.id);
    return answer.user;
  }

  async #refresh() {
    const before = this.tokens;
    if (!before?.refresh && this.#cookie === NO_COOKIE) throw refusal(401, LOG_IN_FIRST);
    const renew = () => this.#renewFrom(before);
    try {
      await (this.#locks ? this.#locks.request("hubbub-refresh", renew) : renew());
    } catch (error) {
      if (this.tokens === before) {
        if (error instanceof Unauthenticated) await this.forget();
        throw error;
      }
    }
    if (this.tokens === null) throw refusal(401, LOG_IN_FIRST); // they have logged out meanwhile
    return this.tokens.access; // of whoever has logged in meanwhile
  }

  /** Another window may have spent the refresh token, and stored what it had for it. */
  async #renewFrom(before) {
    const stored = await this.#stored();
    const isNewer = stored?.user === before?.user && stored?.expires > before?.expires;
    const { user, refresh } = (isNewer ? stored : before) ?? {};
    if (isNewer && this.#isFresh(stored)) {
      if (this.tokens === before) this.tokens = stored;
      return;
    }
    const request = { body: { refreshToken: refresh }, headers: this.#cookie };
    const answer = await this.#exchange("POST", "/api/user/refresh", request);
    if (this.tokens === before) await this.#keep(answer, user);
  }

  #isFresh({ expires }) {
    return this.#clock.now() < expires - REFRESH_BEFORE_MS;
  }

  async #keep({ token, refreshToken, expiresIn }, user) {
    const expires = this.#clock.now() + expiresIn * 1_000;
    const tokens = { user, access: token, refresh: refreshToken, expires };
    await this.onTokens(tokens); // kept before it is used
    this.tokens = tokens;
  }

  #exchange(method, path, request) {
    return exchange(this.fetch, method, this.origin + path, request);
  }
}

function headersOf(token, key) {
  const headers = { Authorization: `Bearer ${token}` };
  return key ? { ...headers, "Idempotency-Key": key } : headers;
}
