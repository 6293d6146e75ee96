import { ProgramRest } from "/web/client/deletions.js";
import { InvalidRequest, NoAnswer, Unauthenticated } from "/web/client/errors.js";
import { receiveFile, sendFile } from "/web/client/files.js";
import { Rest } from "/web/client/rest.js";
import { Api } from "/web/state/api.js";
import { GOOD, NEW, TOKENS, failed, parts, refused } from "./answers.js";
import { StandingClock, answered, rule, same, settle } from "./checks.js";

const PROGRAM = { Kind: ProgramRest };

rule("a call carries the token, and a key where it changes something", async () => {
  const { rest, asked } = parts([GOOD, GOOD]);
  same(await rest.call("GET", "/x"), { well: true });
  await rest.call("POST", "/y", { z: 1 });
  same(asked[0].headers, { Authorization: "Bearer a1" });
  same([asked[1].body, /^[0-9a-f-]{36}$/.test(asked[1].headers["Idempotency-Key"])], [{ z: 1 }, true]);
});

rule("an open outcome is repeated under the same key, after a pause or as long as it says", async () => {
  const { rest, clock, asked } = parts([refused(503, "unavailable", { "Retry-After": "2" }), GOOD]);
  const answer = rest.call("POST", "/y", {});
  await settle();
  await clock.pass(1_999);
  same(asked.length, 1);
  await clock.pass(1);
  same(await answer, { well: true });
  same(asked[0].headers["Idempotency-Key"], asked[1].headers["Idempotency-Key"]);
});

rule("what is no number of seconds names no time", async () => {
  const date = "Wed, 21 Oct 2026 07:28:00 GMT";
  for (const [header, seconds] of [["7", 7], ["-7", 0], ["1e3", 0], ["Infinity", 0], [date, 0]]) {
    const { rest } = parts([refused(503, "unavailable", { "Retry-After": header })]);
    const error = await failed(rest.call("GET", "/x", undefined, { repeatMs: 0 }));
    same([header, error.retryAfter], [header, seconds]);
  }
});

rule("a refusal is told at once, as its type, with the sentence and the fields", async () => {
  const problem = { code: "invalid_request", detail: "No.", errors: [{ field: "x", detail: "?" }] };
  const { rest, asked } = parts([[400, problem]]);
  const error = await failed(rest.call("POST", "/y", {}));
  same([error instanceof InvalidRequest, error.message, error.errors, asked.length],
    [true, "No. (x: ?)", problem.errors, 1]);
  const many = Array.from({ length: 9 }, (_, n) => ({ id: `u${n}`, detail: "unknown" }));
  for (const [errors, told] of [
    [many, "No. (u0: unknown; u1: unknown; u2: unknown; …)"], [null, "No."], [{ a: 1 }, "No."],
    [[null, "a", { a: 1 }], "No."],
  ]) {
    const { rest: other } = parts([[400, { detail: "No.", errors }]]);
    same((await failed(other.call("POST", "/y", {}))).message, told);
  }
});

rule("what lies between and answers in another way means what a 503 means", async () => {
  const cutShort = refused(408, "invalid_request");
  for (const answer of [cutShort, [502, "gateway"], [503, "gateway"], [504, "gateway"]]) {
    const { rest } = parts([answer]);
    same((await failed(rest.call("GET", "/x", undefined, { repeatMs: 0 }))).code, "unavailable");
  }
});

rule("too many for something between is too many, whatever its words", async () => {
  for (const body of ["Slow down", { code: 1015 }]) {
    const { rest, clock, asked } = parts([[429, body, { "Retry-After": "2" }], GOOD]);
    const answer = rest.call("POST", "/y", {});
    await settle();
    await clock.pass(2_000);
    same([await answer, asked.length], [{ well: true }, 2]);
  }
});

rule("it gives up when the time is over, or when the wait would be longer than that", async () => {
  const { rest, clock, asked } = parts([]);
  const failing = failed(rest.call("GET", "/x"));
  await settle(); // the time counts from the first failure
  for (let second = 0; second < 31; second += 1) await clock.pass(1_000);
  same((await failing) instanceof NoAnswer, true);
  same(asked.length > 50, true);
  const slow = parts([refused(429, "rate_limited", { "Retry-After": "60" })]);
  same((await failed(slow.rest.call("GET", "/x"))).retryAfter, 60);
});

const BEN = { user: { id: "ben" }, token: "b1", refreshToken: "s1", expiresIn: 900 };
const CALLS = [
  (rest) => rest.call("GET", "/x"),
  (rest) => sendFile(rest, "/x/file", '"bytes"'),
  (rest) => receiveFile(rest, "/x/file/f").next(),
];

rule("it gives up when the session has ended, and does not use the cookie of the next one", async () => {
  for (const begin of CALLS) {
    const answers = [refused(503, "unavailable"), NEW, GOOD];
    const { rest, clock, asked } = parts(answers, { isCookie: true });
    const failing = failed(begin(rest));
    await settle();
    await rest.forget();
    await clock.pass(500);
    same([(await failing).code, asked.length], ["unauthenticated", 1]);
  }
});

rule("a page does not go on in the next session, even if it does not know whose its own was", async () => {
  for (const begin of CALLS) {
    const answers = [NEW, GOOD, refused(503, "unavailable"), [200, BEN], GOOD];
    const { rest, clock, asked } = parts(answers, { tokens: null, isCookie: true });
    await rest.call("GET", "/x");
    const failing = failed(begin(rest));
    await settle();
    await rest.logIn({ username: "ben", password: "correct horse" });
    await clock.pass(500);
    same([(await failing)?.code, asked.length], ["unauthenticated", 4]);
  }
});

rule("it does not go on in the session of another user", async () => {
  for (const begin of CALLS) {
    const asked = [];
    const { rest, clock } = parts([], { fetch: async (path) => {
      asked.push(path);
      return { json: async () => ({}), ...answered(503, {}) };
    } });
    const failing = failed(begin(rest));
    await settle();
    rest.tokens = { ...TOKENS, user: "another" };
    await clock.pass(500);
    same([(await failing).code, asked.length], ["unauthenticated", 1]);
  }
});

rule("a file that a page sends is not sent again in the session of another user", async () => {
  const { rest } = parts([[200, BEN]]);
  const tokens = [];
  const failing = failed(rest.authorized(async ({ Authorization }) => {
    tokens.push(Authorization);
    if (rest.tokens.user === "ann") await rest.logIn({ username: "ben", password: "x" });
    throw new Unauthenticated(401, "unauthenticated");
  }, "key"));
  same([(await failing)?.code, tokens], ["unauthenticated", ["Bearer a1"]]);
});

rule("a page that closes makes its last call at once, with the token that it has", async () => {
  const asked = [];
  const fetch = (path, { method, headers, keepalive }) => {
    asked.push({ path, method, headers, keepalive });
    return answered(200, {});
  };
  const { rest } = parts([], { tokens: { ...TOKENS, expires: 0 }, fetch });
  rest.attemptOnUnload("DELETE", "/x", "k");
  same(asked, [{
    path: "/x", method: "DELETE",
    headers: { Authorization: "Bearer a1", "Idempotency-Key": "k" }, keepalive: true,
  }]);
});

rule("a file comes and goes with a renewed token, too, where the first one is refused", async () => {
  const body = (text) => ({ body: new Blob([text]).stream(), json: async () => JSON.parse(text) });
  const answers = [
    answered(...refused(401, "unauthenticated")), answered(...NEW),
    { ...answered(201, {}), ...body('{"file":{"id":"f"}}') },
    answered(...refused(401, "unauthenticated")), answered(...NEW),
    { ...answered(200, {}), ...body("bytes") },
  ];
  const tokens = [];
  const { rest } = parts([], { fetch: async (path, { headers }) => {
    tokens.push(headers.Authorization);
    return { json: async () => ({ code: "unauthenticated" }), ...answers.shift() };
  } });
  same(await sendFile(rest, "/x/file", new Blob(["bytes"])), { id: "f" });
  let heard = "";
  for await (const piece of receiveFile(rest, "/x/file/f")) heard += new TextDecoder().decode(piece);
  same([heard, tokens], ["bytes", [
    "Bearer a1", undefined, "Bearer a2", "Bearer a2", undefined, "Bearer a2",
  ]]);
});

rule("a file whose answer breaks off is sent again, and one that does not begin asked for", async () => {
  const broken = { ok: true, json: async () => { throw new TypeError("terminated"); } };
  const stored = { ok: true, json: async () => ({ file: { id: "f" } }) };
  const answers = [broken, answered(503, {}), stored, answered(503, {}), { ok: true }];
  const keys = new Set();
  const { rest, clock } = parts([], { fetch: async (_, { headers }) => {
    keys.add(headers["Idempotency-Key"]);
    return { json: async () => ({}), ...answers.shift() };
  } });
  const wait = async () => {
    for (let turn = 0; turn < 10; turn += 1) {
      await settle();
      await clock.pass(500);
    }
  };
  const sending = sendFile(rest, "/x/file", "bytes");
  await wait();
  same([await sending, keys.size], [{ id: "f" }, 1]);
  let isCancelled = false;
  answers[1].body = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(9)),
    cancel: () => { isCancelled = true; },
  });
  const pieces = receiveFile(rest, "/x/file/f");
  const first = pieces.next();
  await wait();
  same((await first).value.length, 9);
  await pieces.return();
  same(isCancelled, true);
});

rule("an upload that the program ends is not sent again, whatever its reason", async () => {
  const ending = new AbortController();
  const { rest, asked } = parts([], { fetch: async (_, { signal }) => {
    asked.push(1);
    ending.abort(new Error("enough"));
    throw signal.reason;
  } });
  const error = await failed(sendFile(rest, "/x/file", "bytes", { signal: ending.signal }));
  same([error.message, asked.length], ["enough", 1]);
});

rule("what fails late is repeated, too", async () => {
  let fail;
  const late = new Promise((resolve) => { fail = resolve; });
  const answers = [late, answered(200, { well: true })];
  const { rest, clock } = parts([], { fetch: async () => answers.shift() });
  const call = rest.call("POST", "/x");
  await clock.pass(60_000);
  fail(answered(408, { code: "invalid_request" }));
  await settle();
  await clock.pass(1_000);
  same(await call, { well: true });
});

rule("a deletion that may be done already is done when its repeat finds nothing", async () => {
  const gone = refused(404, "not_found");
  for (const open of [undefined, refused(503, "unavailable"), refused(504, "")]) {
    const { rest, clock, asked } = parts([open, refused(429, "rate_limited"), gone, gone], PROGRAM);
    const deleting = rest.call("DELETE", "/x");
    await settle();
    for (let turn = 0; turn < 5; turn += 1) await clock.pass(500);
    same([await deleting, asked.length], [{}, 3]);
    // Only retries with its key count as done; a new deletion is judged by itself.
    same((await failed(rest.call("DELETE", "/x"))).name, "NotFound");
  }
  const { rest } = parts([undefined, gone], PROGRAM);
  const once = () => rest.call("DELETE", "/x", undefined, { key: "k", repeatMs: 0 });
  same([(await failed(once())).name, await once()], ["NoAnswer", {}]);
});

rule("a deletion that was refused finds nothing for another reason, and other changes too", async () => {
  const gone = refused(404, "not_found");
  const limited = parts([refused(429, "rate_limited"), gone], PROGRAM);
  const deleting = failed(limited.rest.call("DELETE", "/x"));
  await settle();
  await limited.clock.pass(500);
  same((await deleting).name, "NotFound");
  const edit = parts([refused(503, "unavailable"), gone], PROGRAM);
  const editing = failed(edit.rest.call("PATCH", "/x", {}));
  await settle();
  await edit.clock.pass(500);
  same((await editing).name, "NotFound");
});

rule("a deletion is done when a second try finds nothing before the first has its answer", async () => {
  const waiting = [];
  const fetch = () => new Promise((resolve) => waiting.push(resolve));
  const { rest } = parts([], { fetch, ...PROGRAM });
  const once = () => rest.call("DELETE", "/x", undefined, { key: "k", repeatMs: 0 });
  const tries = [once(), once()];
  await settle();
  waiting[1](answered(404, { code: "not_found" }));
  same(await tries[1], {});
  waiting[0](answered(200, {}));
  same(await tries[0], {});
});

rule("what is no JSON is no answer, and no session", async () => {
  const { rest, clock, kept, ...server } = parts([], {
    tokens: { ...TOKENS, expires: 0 },
    fetch: async () => ({ ok: true, status: 200, headers: new Headers(), text: async () => "<p>" }),
  });
  const failing = failed(rest.call("GET", "/x", undefined, { repeatMs: 0 }));
  await settle();
  await clock.pass(400);
  same((await failing).name, "NoAnswer");
  same([kept, rest.tokens.access, server.asked], [[], "a1", []]);
});

rule("a call that answers with bytes is told at once, and made by download", async () => {
  const headers = { "Content-Disposition": "inline" };
  const { rest, asked } = parts([], { ...PROGRAM, fetch: async (path) => {
    asked.push(path);
    return new Response("bytes", { headers });
  } });
  const error = await failed(rest.call("GET", "/x/file"));
  same([error.message, asked.length], ["/x/file answers with bytes: use rest.download.", 1]);
  let text = "";
  for await (const piece of rest.download("/x/file")) text += new TextDecoder().decode(piece);
  same(text, "bytes");
});

rule("bytes go as they are, all else as JSON", async () => {
  const bytes = new Uint8Array([137, 80, 78, 71]);
  const sent = [];
  const fetch = async (_, { headers, body }) => {
    sent.push([body, headers["Content-Type"] ?? null]);
    return answered(...GOOD);
  };
  const rest = new Rest({ fetch, clock: new StandingClock(), tokens: TOKENS });
  const bodies = [bytes, bytes.buffer, new Blob([bytes])];
  for (const body of [...bodies, { a: 1 }]) await rest.call("PUT", "/api/user/me/avatar", body);
  same(sent.map(([body], n) => body === bodies[n]), [true, true, true, false]);
  same(sent[3][0], '{"a":1}');
  same(sent.map(([, type]) => type), [null, null, null, "application/json"]);
});

rule("a page asks nothing once the session is over, be it by a call, for a file or at the end", async () => {
  const { rest, asked } = parts([GOOD]);
  const api = new Api({ rest });
  await api.deleteFile("c", "f");
  api.end();
  const calls = [
    api.chats(), api.deleteFile("c", "f"), api.authorized(() => asked.push("file"), "key"),
    api.deleteMessageOnUnload("c", "m", "key"),
  ];
  const errors = await Promise.all(calls.map((call) => call.catch((error) => error)));
  same(errors.map(({ code, final }) => [code, final]), calls.map(() => ["unauthenticated", true]));
  same(asked.length, 1);
});
