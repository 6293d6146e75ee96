/**
 * The REST calls of one session: its tokens, and the repeats that the contract allows. A call whose
 * outcome is unknown, or that was rate-limited, is repeated with its key for up to `repeatMs` after
 * its first failure.
 */
import { NoAnswer, Unauthenticated, refusal } from "./errors.js";
import { exchange } from "./exchange.js";
import { newId } from "./ids.js";

const RETRY_MS = 30_000;
const REFRESH_BEFORE_MS = 60_000;
const LEAST_PAUSE_MS = 100; // between attempts if the server names no time
const MORE_PAUSE_MS = 300;
const OPEN = new Set(["unavailable"]); // the outcome is unknown
const PASSING = new Set(["unavailable", "rate_limited"]);
const KEYED = new Set(["POST", "PATCH", "DELETE"]);
const COOKIE = { "X-Hubbub-Session": "cookie" };
const ENDED = { code: "unauthenticated", detail: "The caller's session has ended." };
const LOG_IN_FIRST = { code: "unauthenticated", detail: "Sign up or log in first." };

export class Rest {
  #clock;
  #random;
  #repeatMs;
  #locks;
  #stored;
  #cookie;
  #renewal = null;
  #logIns = 0;

  /**
   * `tokens` is `{user, access, refresh, expires}` of an earlier session or null; `onTokens(tokens)`
   * is called with each new value, `onTokens(null, ended)` when the session of the tokens `ended` is
   * over. With `isCookie` the refresh token is in a cookie of the page's origin that no script can
   * read. `stored()` returns tokens that another window may have stored. `locks` is
   * `navigator.locks` in that case: two windows must not use the same cookie or token.
   */
  constructor({
    fetch, clock, random = Math.random, origin = "", tokens = null, onTokens = () => {},
    repeatMs = RETRY_MS, isCookie = false, locks, stored = async () => null,
  }) {
    this.fetch = fetch;
    this.#clock = clock;
    this.#random = random;
    this.#repeatMs = repeatMs;
    this.#locks = locks;
    this.#stored = stored;
    this.#cookie = isCookie ? COOKIE : {};
    this.origin = origin;
    this.tokens = tokens;
    this.onTokens = onTokens;
  }

  /**
   * Creates an account and its session; without a password the account lasts as long as the
   * session.
   */
  async signUp({ username, email, password, invite }, key = newId()) {
    const body = { username, email, password: password || undefined, invite };
    return this.#begin("/api/user", { body, headers: { "Idempotency-Key": key } });
  }

  async logIn({ username, password }) {
    return this.#begin("/api/user/login", { body: { username, password } });
  }

  /**
   * Ends the session on the server, which also closes its sockets, and forgets the tokens. Is not
   * repeated once somebody has logged in meanwhile.
   */
  async logOut() {
    const key = newId();
    const user = this.tokens?.user;
    const before = this.#logIns;
    const isSame = () => this.#logIns === before; // or a session has begun meanwhile
    const ask = () => this.authorized(async (headers) => {
      const request = { body: {}, headers: { ...this.#cookie, ...headers } };
      if (isSame()) await this.#exchange("POST", "/api/user/logout", request);
    }, key, user);
    try {
      await this.repeat(ask, this.#repeatMs, OPEN);
    } catch (error) {
      if (!(error instanceof Unauthenticated)) throw error; // ended, maybe by an earlier attempt
    }
    if (isSame()) await this.forget();
  }

  async forget() {
    const ended = this.tokens;
    this.tokens = null;
    await this.onTokens(null, ended);
  }

  /**
   * An access token that is still valid for a while. Raises Unauthenticated if the session has ended,
   * Transient and NoAnswer.
   */
  async accessToken() {
    const { tokens } = this;
    return tokens !== null && this.#isFresh(tokens) ? tokens.access : this.renew();
  }

  /** A new access token to replace one that the server has just refused, or soon will. */
  async renew(refused = this.tokens?.access) {
    if (this.tokens !== null && this.tokens.access !== refused) return this.tokens.access;
    this.#renewal ??= this.#refresh().finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  /**
   * The answer's body. `key` makes the program's own repeats safe; without one, a key is generated.
   * It is made in a session of `user`, by default the current one, or not at all: repeats end with
   * the session. Raises Refused or NoAnswer.
   */
  async call(method, path, body, {
    key, repeatMs = this.#repeatMs, user = this.tokens?.user,
  } = {}) {
    const made = key ?? (KEYED.has(method) ? newId() : undefined);
    return this.repeat(() => this.attempt(method, path, body, made, user), repeatMs);
  }

  /**
   * The result of `ask()`, repeated while it raises one of these codes and there is time since the
   * first failure.
   */
  async repeat(ask, repeatMs = this.#repeatMs, codes = PASSING) {
    let until = null;
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        until ??= this.#clock.now() + repeatMs;
        const pauseMs = Math.max(this.#pauseMs(), (error.retryAfter ?? 0) * 1_000);
        if (!codes.has(error.code) || this.#clock.now() + pauseMs > until) throw error;
        await this.pause(pauseMs, ask, error);
      }
    }
  }

  #pauseMs() {
    return LEAST_PAUSE_MS + this.#random() * MORE_PAUSE_MS;
  }

  /** Before `ask` is repeated, which has raised `error`. */
  pause(ms) {
    return new Promise((resolve) => this.#clock.after(ms, resolve));
  }

  /** One attempt at a call. */
  async attempt(method, path, body, key, user) {
    return this.authorized(
      (headers) => this.#exchange(method, path, { body, headers }), key, user,
    );
  }

  /** One attempt of a page that is closing: it cannot wait for a new token or for the answer. */
  async attemptOnUnload(method, path, key) {
    const headers = headersOf(this.tokens?.access, key);
    return this.#exchange(method, path, { headers, keepalive: true });
  }

  /**
   * The result of `ask(headers)`, repeated once if the server refuses the token; `user` as in `call`.
   */
  async authorized(ask, key, user = this.tokens?.user) {
    this.#expect(user);
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
    if (user !== undefined && this.tokens?.user !== user) throw refusal(401, ENDED);
  }

  /** A user is waiting at a form: reports a rate limit at once. */
  async #begin(path, { body, headers }) {
    const request = { body, headers: { ...this.#cookie, ...headers } };
    const ask = () => this.#exchange("POST", path, request);
    const answer = await this.repeat(ask, this.#repeatMs, OPEN);
    this.tokens = await this.#keep(answer, answer.user?.id);
    this.#logIns += 1;
    return answer.user;
  }

  async #refresh() {
    const before = this.tokens;
    if (!before?.refresh && this.#cookie !== COOKIE) throw refusal(401, LOG_IN_FIRST);
    const renew = () => this.#renewFrom(before);
    const signal = AbortSignal.timeout(RETRY_MS); // callers are told if one that has it is suspended
    try {
      await (this.#locks ? this.#locks.request("hubbub-refresh", { signal }, renew) : renew());
    } catch (error) {
      if (error === signal.reason) throw new NoAnswer(error.message);
      // Whoever repeats it meanwhile shares it: many callers refresh no more often than one.
      if (PASSING.has(error.code)) await this.pause(this.#pauseMs());
      throw error;
    }
    if (this.tokens === null) throw refusal(401, LOG_IN_FIRST); // they have logged out meanwhile
    return this.tokens.access; // of the user who has logged in meanwhile
  }

  /** Another window may have used the refresh token and stored the new tokens. */
  async #renewFrom(before) {
    const stored = await this.#stored();
    if (this.tokens !== before) return; // somebody has logged in or out meanwhile
    if (stored && stored.user === before?.user && stored.access !== before?.access) {
      this.tokens = stored;
      if (this.#isFresh(stored)) return;
    }
    const { tokens } = this;
    const request = { body: { refreshToken: tokens?.refresh }, headers: this.#cookie };
    let answer;
    try {
      answer = await this.#exchange("POST", "/api/user/refresh", request);
    } catch (error) {
      if (this.tokens !== tokens) return;
      if (error instanceof Unauthenticated) await this.forget();
      else if (!PASSING.has(error.code) && !this.#isNotAllowed(error)) {
        throw new NoAnswer(error.message); // it refuses no call
      }
      throw error;
    }
    if (this.tokens !== tokens) return;
    // Null: the session is the cookie's, and the answer does not say whose that is.
    const renewed = await this.#keep(answer, tokens?.user ?? null);
    if (this.tokens === tokens) this.tokens = renewed;
  }

  /** Pages of this address get no session. */
  #isNotAllowed({ code }) {
    return code === "forbidden" && this.#cookie === COOKIE;
  }

  #isFresh({ expires }) {
    return this.#clock.now() < expires - REFRESH_BEFORE_MS;
  }

  /** The tokens of an answer, stored before they are used. */
  async #keep({ token, refreshToken, expiresIn }, user) {
    const isWhole = token && expiresIn > 0 && (refreshToken || this.#cookie === COOKIE);
    if (!isWhole) throw new NoAnswer("What came is no pair of tokens.");
    const expires = this.#clock.now() + expiresIn * 1_000;
    const tokens = { user, access: token, refresh: refreshToken, expires };
    await this.onTokens(tokens);
    return tokens;
  }

  #exchange(method, path, request) {
    return exchange(this.fetch, method, this.origin + path, request);
  }
}

function headersOf(token, key) {
  const headers = { Authorization: `Bearer ${token}` };
  return key ? { ...headers, "Idempotency-Key": key } : headers;
}
