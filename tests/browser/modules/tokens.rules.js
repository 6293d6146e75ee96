import { Client } from "/web/client/client.js";
import { Unauthenticated } from "/web/client/errors.js";
import { BrowserStore, MemoryStore } from "/web/client/store.js";
import { DAY_MS, GOOD, NEW, TOKENS, failed, parts, refused } from "./answers.js";
import { answered, rule, same, settle } from "./checks.js";

rule("a token that is about to expire is renewed first, once for all who wait for it", async () => {
  const expired = { ...TOKENS, expires: 1_000_000 + 59_999 };
  const { rest, asked, kept } = parts([NEW, GOOD, GOOD], { tokens: expired });
  await Promise.all([rest.call("GET", "/x"), rest.call("GET", "/y")]);
  same(asked.map(({ path }) => path), ["/api/user/refresh", "/x", "/y"]);
  same([asked[0].body, asked[1].headers.Authorization], [{ refreshToken: "r1" }, "Bearer a2"]);
  same(kept, [{ user: "ann", access: "a2", refresh: "r2", expires: 1_900_000 }]);
});

rule("a token that the server refuses is renewed, and the call made again", async () => {
  const { rest, asked } = parts([refused(401, "unauthenticated"), NEW, GOOD]);
  same(await rest.call("GET", "/x"), { well: true });
  same(asked.map(({ path }) => path), ["/x", "/api/user/refresh", "/x"]);
});

rule("a refresh that is refused, or answered with no tokens, refuses no call", async () => {
  const wrong = [200, { ...NEW[1], expiresIn: "soon" }];
  for (const answer of [[500, {}], [403, { code: "forbidden" }], [404, {}], [200, {}], wrong]) {
    const { rest, clock, asked } = parts([answer, NEW, GOOD], { tokens: { ...TOKENS, expires: 0 } });
    const call = rest.call("POST", "/y", {});
    await settle();
    await clock.pass(1_000);
    same(await call, { well: true });
    same(asked.map(({ path }) => path), ["/api/user/refresh", "/api/user/refresh", "/y"]);
  }
});

rule("a page learns that it is at an address that is not allowed", async () => {
  const { rest, asked } = parts([refused(403, "forbidden")], { tokens: null, isCookie: true });
  same([(await failed(rest.call("GET", "/x"))).code, asked.length], ["forbidden", 1]);
});

rule("a store that fails ends a refresh with its own error", async () => {
  const { rest, asked } = parts([NEW], {
    tokens: { ...TOKENS, expires: 0 }, onTokens() { throw new Error("The disk is full."); },
  });
  same([(await failed(rest.call("GET", "/x"))).message, asked.length], ["The disk is full.", 1]);
});

rule("a log-out that is repeated does not end the session of another user", async () => {
  const BEN = { user: { id: "ben" }, token: "b1", refreshToken: "s1", expiresIn: 900 };
  const { rest, clock, asked } = parts([refused(503, "unavailable"), [200, BEN], GOOD]);
  const leaving = rest.logOut();
  await settle();
  await rest.logIn({ username: "ben", password: "correct horse" });
  await clock.pass(1_000);
  await leaving;
  same([asked.length, rest.tokens.user], [2, "ben"]);
});

rule("many calls that repeat a refresh ask for it no more often than one", async () => {
  const { rest, clock, asked } = parts([], { tokens: { ...TOKENS, expires: 0 } });
  const calls = Array.from({ length: 20 }, () => failed(rest.call("GET", "/x")));
  await settle();
  await clock.pass(1_000);
  const { length } = asked;
  same(length <= 11, true);
  await rest.forget();
  await clock.pass(1_000);
  same([(await Promise.all(calls)).every(({ code }) => code === "unauthenticated"), asked.length],
    [true, length]);
});

rule("a session that is over is forgotten, and only logging in helps", async () => {
  const { rest, asked, kept } = parts([
    refused(401, "unauthenticated"), refused(401, "unauthenticated"),
  ]);
  const error = await failed(rest.call("GET", "/x"));
  same([error instanceof Unauthenticated, error.final, kept], [true, true, [null]]);
  const before = asked.length;
  same((await failed(rest.call("GET", "/x"))).final, true);
  same(asked.length, before);
});

rule("a page has no refresh token to send: its cookie travels by itself", async () => {
  const { rest, asked } = parts([NEW, GOOD], { tokens: null, isCookie: true });
  await rest.call("GET", "/x");
  same([asked[0].body, asked[0].headers["X-Hubbub-Session"]], [{}, "cookie"]);
});

rule("a page that its cookie let in renews its session again and again", async () => {
  const { rest, clock } = parts([NEW, GOOD, NEW, GOOD], { tokens: null, isCookie: true });
  for (let time = 0; time < 2; time += 1) {
    same(await rest.call("GET", "/x"), { well: true });
    await clock.pass(900_000);
  }
});

rule("a log-in is repeated while its outcome is open; a rate is told to who waits", async () => {
  const user = { id: "ann" };
  const { rest, clock } = parts([undefined, [200, { user, ...NEW[1] }]], { tokens: null });
  const entering = rest.logIn({ username: "ann", password: "x" });
  await settle();
  await clock.pass(500);
  same([await entering, rest.tokens.user], [user, "ann"]);
  const limited = parts([refused(429, "rate_limited", { "Retry-After": "1" })], { tokens: null });
  same((await failed(limited.rest.logIn({ username: "a", password: "b" }))).code, "rate_limited");
});

rule("a renewal that another log-in overtakes neither replaces nor ends its session", async () => {
  const BEN = { user: { id: "ben" }, token: "b1", refreshToken: "s1", expiresIn: 900 };
  for (const late of [NEW, refused(401, "unauthenticated")]) {
    const waiting = [];
    const { rest } = parts([], {
      tokens: { ...TOKENS, expires: 0 },
      fetch: (path) => (path === "/api/user/login"
        ? answered(200, BEN)
        : new Promise((resolve) => waiting.push(resolve))),
    });
    const token = rest.accessToken();
    await settle();
    await rest.logIn({ username: "ben", password: "correct horse" });
    waiting[0](answered(...late));
    same([await token, rest.tokens.user, rest.tokens.access], ["b1", "ben", "b1"]);
  }
});

rule("a renewal that is stored when the session ends does not bring it back", async () => {
  let stored;
  const storing = new Promise((resolve) => (stored = resolve));
  const { rest } = parts([NEW], {
    tokens: { ...TOKENS, expires: 0 }, onTokens: (tokens) => (tokens === null ? null : storing),
  });
  const failing = failed(rest.accessToken());
  await settle();
  await rest.forget();
  stored();
  same([(await failing).code, rest.tokens], ["unauthenticated", null]);
});

rule("what another window has renewed is taken, and never spent again", async () => {
  let stored = { user: "ann", access: "a9", refresh: "r9", expires: DAY_MS };
  const { rest, asked, clock } = parts([NEW], {
    tokens: { ...TOKENS, expires: 0 }, stored: async () => stored,
  });
  same([await rest.accessToken(), asked], ["a9", []]);
  stored = { ...stored, access: "a10", refresh: "r10", expires: DAY_MS + 1 };
  await clock.pass(DAY_MS);
  same([await rest.accessToken(), asked[0].body], ["a2", { refreshToken: "r10" }]);
  stored = { user: "ben", access: "b", refresh: "b", expires: 9 * DAY_MS };
  const failing = failed(rest.renew());
  await settle();
  await clock.pass(400);
  same((await failing).name, "NoAnswer");
  same(asked[1].body, { refreshToken: "r2" });
});

rule("calls of other windows fail while one is suspended during a refresh, and go on after it", async () => {
  let wakeUp;
  const suspended = new Promise((resolve) => (wakeUp = resolve));
  await new Promise((resolve) => {
    navigator.locks.request("hubbub-refresh", () => {
      resolve();
      return suspended;
    });
  });
  const { rest, asked } = parts([NEW], {
    tokens: { ...TOKENS, expires: 0 }, locks: navigator.locks,
  });
  const own = AbortSignal.timeout;
  AbortSignal.timeout = () => own.call(AbortSignal, 0);
  const failing = failed(rest.accessToken());
  AbortSignal.timeout = own;
  same([(await failing).name, asked], ["NoAnswer", []]);
  wakeUp();
  same([await rest.accessToken(), asked.length], ["a2", 1]);
});

rule("two clients on one store of a browser keep the one session", async () => {
  const name = `rules ${crypto.randomUUID()}`;
  const spent = [];
  const open = () => Client.open({
    store: new BrowserStore(name), origin: "http://there", WebSocket: class { close() {} },
    fetch: async (path, { body }) => {
      if (!path.endsWith("/refresh")) return answered(200, {});
      spent.push(JSON.parse(body).refreshToken);
      return answered(200, { token: `b${spent.length}`, refreshToken: "r2", expiresIn: 900 });
    },
  });
  await new BrowserStore(name).put("session", JSON.stringify({ ...TOKENS, expires: 0 }));
  const clients = await Promise.all([open(), open()]);
  await Promise.all(clients.map(({ rest }) => rest.call("GET", "/x")));
  same([spent, clients.map(({ rest }) => rest.tokens.access)], [["r1"], ["b1", "b1"]]);
  for (const client of clients) await client.close();
  indexedDB.deleteDatabase(name);
});

rule("the end of a session removes its own tokens from the store, and no others", async () => {
  const text = (user, access) => JSON.stringify({ user, access, refresh: "r", expires: 0 });
  const store = new MemoryStore();
  store.put("session", text("ann", "a"));
  let isOver;
  const over = new Promise((resolve) => (isOver = resolve));
  const client = await Client.open({
    store, origin: "http://there", WebSocket: class { close() {} },
    fetch: () => over.then(() => answered(...refused(401, "unauthenticated"))),
  });
  store.put("session", text("ben", "b"));
  isOver();
  same((await failed(client.rest.call("GET", "/x"))).name, "Unauthenticated");
  same([client.rest.tokens, store.get("session")], [null, text("ben", "b")]);
  await client.close();
  const newer = { ...TOKENS, access: "a2", expires: 1 };
  const ended = [];
  const { rest } = parts([refused(401, "unauthenticated")], {
    tokens: { ...TOKENS, expires: 0 }, stored: async () => newer,
    onTokens: (...given) => ended.push(given),
  });
  await failed(rest.call("GET", "/x"));
  same(ended, [[null, newer]]);
});

rule("a call for one user is not made in the session of another one", async () => {
  const { rest, asked } = parts([refused(401, "unauthenticated"), NEW, GOOD]);
  same((await failed(rest.call("POST", "/y", {}, { user: "ben" }))).name, "Unauthenticated");
  same([asked.length, await rest.call("POST", "/y", {}, { user: "ann" })], [0, { well: true }]);
});

rule("a session that has ended can be logged out of, be it by an earlier try of the same", async () => {
  const over = refused(401, "unauthenticated");
  for (const [answers, most] of [[[undefined, over, over], 3], [[over, over], 2], [[], 0]]) {
    const { rest, clock, asked, kept } = parts(answers, { tokens: most > 0 ? TOKENS : null });
    const leaving = rest.logOut();
    await settle();
    await clock.pass(1_000);
    await leaving;
    same([asked.length, rest.tokens, kept.at(-1)], [most, null, null]);
  }
});

rule("a log-out whose token the server refuses is made with a new one, and the cookie", async () => {
  const { rest, asked } = parts([refused(401, "unauthenticated"), NEW, GOOD], { isCookie: true });
  await rest.logOut();
  same(asked.map(({ path, headers }) => [path, headers["X-Hubbub-Session"]]), [
    ["/api/user/logout", "cookie"], ["/api/user/refresh", "cookie"], ["/api/user/logout", "cookie"],
  ]);
});
