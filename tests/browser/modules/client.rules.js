import { Client } from "/web/client/client.js";
import { BrowserStore, MemoryStore } from "/web/client/store.js";
import { Stopped } from "/web/client/errors.js";
import { rule, same, settle } from "./checks.js";
import { READY, listen, long, message, somebody } from "./program.js";

rule("it connects with what the store has, and what comes is given once and in order", async () => {
  const { client, socket } = await somebody();
  same(socket().sent, [{ type: "connect", token: "a", resume: {} }]);
  const had = listen(client);
  socket().hear(READY, message(6), message(6), message(7));
  await long();
  same([had.seqs, client.cursor("c"), client.state], [[6, 7], 7, "ready"]);
});

rule("a gap is filled with what the server has, before what came after it", async () => {
  const { client, socket } = await somebody({
    answers: (_, path) => (path === "/api/chat/c/events?after=5&limit=200"
      ? [200, { events: [message(6), message(7)], seq: 8, more: false }]
      : [404, {}]),
  });
  const had = listen(client);
  socket().hear(READY, message(8));
  await long();
  same(had.seqs, [6, 7, 8]);
});

rule("the next program goes on after the last event that this one had done with", async () => {
  const { client, store, socket } = await somebody();
  listen(client, 2);
  socket().hear(READY, message(6), message(7));
  await long();
  await client.close();
  const next = await somebody({ store });
  same(next.socket().sent[0], { type: "connect", token: "a", resume: { c: 6 }, epoch: "e" });
});

rule("messages of a chat leave in their order, each after the answer to the one before", async () => {
  const { client, socket } = await somebody();
  socket().hear(READY);
  const answers = Promise.all(["one", "two"].map((text) => client.chat("c").send(text)));
  await long();
  const sends = () => socket().sent.filter(({ type }) => type === "send");
  same(sends().map((one) => one.message), ["one"]);
  for (const seq of [6, 7]) {
    const { clientId } = sends().at(-1);
    socket().hear({ type: "sent", chat: "c", clientId, messageId: `m${seq}`, seq, at: "t" });
    await long();
  }
  same([sends().map((one) => one.message), (await answers).map(({ seq }) => seq)],
    [["one", "two"], [6, 7]]);
});

rule("what has no answer goes out again under its key, and by the next program too", async () => {
  const { client, clock, store, sockets, socket } = await somebody({ answers: () => [503, {}] });
  socket().hear(READY);
  const sending = client.chat("c").send("one");
  sending.catch(() => {});
  await long();
  const { clientId } = socket().sent.at(-1);
  socket().onclose({ code: 1006, reason: "" });
  await clock.pass(1_000);
  await long();
  same(sockets.length, 2);
  socket().hear(READY);
  await long();
  same(socket().sent.at(-1), { type: "send", chat: "c", message: "one", clientId });
  await client.close();
  const next = await somebody({ store, answers: () => [503, {}] });
  next.socket().hear(READY);
  await long();
  same(next.socket().sent.at(-1).clientId, clientId);
});

rule("a refusal over the socket is what the call raises, and the next change goes out", async () => {
  const { client, socket } = await somebody();
  socket().hear(READY);
  const first = client.chat("c").send("one").catch((error) => error);
  client.chat("c").send("two").catch(() => {});
  await long();
  const { clientId } = socket().sent.at(-1);
  socket().hear({ type: "error", code: "forbidden", detail: "No.", chat: "c", clientId });
  await long();
  same([(await first).name, (await first).message], ["Forbidden", "No."]);
  same(socket().sent.at(-1).message, "two");
});

rule("what a socket would not answer, or not by itself, goes out by a call", async () => {
  const key = "01a225cf-28aa-738c-ac9f-76fb15ba32db";
  const { client, calls, store, socket } = await somebody({
    answers: (_, path) => (path === "/api/chat/b/message"
      ? [201, { messageInfo: { messageId: "m9", seq: 9, at: "t9" } }]
      : [413, { code: "too_large", detail: "No." }]),
  });
  socket().hear({ ...READY, maxFrame: 300 });
  const refusals = ["x".repeat(300), "ö".repeat(120)].map((text) => (
    client.chat("d").send(text).catch((error) => error)
  ));
  const malformed = client.chat("d").send("short", { key: "no UUID" }).catch((error) => error);
  const sends = ["c", "b"].map((chat) => client.chat(chat).send("hello", { key }));
  same(store.names("unsent ").length, 5);
  await long();
  same((await Promise.all([...refusals, malformed])).map(({ name }) => name),
    ["TooLarge", "TooLarge", "TooLarge"]);
  socket().hear({ type: "sent", chat: "c", clientId: key, messageId: "m6", seq: 6, at: "t6" });
  same((await Promise.all(sends)).map(({ messageId }) => messageId), ["m6", "m9"]);
  same([calls.length, socket().sent.slice(1).map(({ chat }) => chat)], [4, ["c"]]);
});

rule("a loop that the program leaves while it waits takes no event from the next one", async () => {
  for (const isReturned of [true, false]) {
    const { client, socket } = await somebody();
    const left = client.events();
    const waiting = left.next();
    await long();
    const returned = isReturned ? left.return() : null;
    socket().hear(READY);
    if (isReturned) socket().hear(message(6));
    const had = listen(client);
    await long();
    if (!isReturned) socket().hear(message(6));
    socket().hear(message(7));
    await long();
    same([had.seqs, (await waiting).done, (await returned)?.done ?? null],
      [[6, 7], true, isReturned || null]);
    left.return();
    socket().hear(message(8));
    await long();
    same(had.seqs, [6, 7, 8]);
  }
});

rule("of loops over the same events only the last one goes on, whatever they are doing", async () => {
  const { client, socket } = await somebody();
  const [left, first] = [client.events(), client.events()];
  const [waiting, returned] = [left.next(), left.return()];
  socket().hear(READY, message(6), message(7), message(8), message(9));
  same([(await waiting).done, (await returned).done], [true, true]);
  same((await first.next()).value.seq, 6);
  const had = listen(client);
  await long();
  same([had.seqs, (await first.next()).done], [[7, 8, 9], true]);
});

rule("moments are for one loop as well", async () => {
  const { client, socket } = await somebody();
  socket().hear(READY);
  const left = client.moments();
  const waiting = left.next();
  await left.return();
  const next = client.moments().next();
  socket().hear({ type: "typing", chat: "c", user: "ben" });
  same([(await waiting).done, (await next).value.user], [true, "ben"]);
});

rule("a code after which no client comes back ends the events with it", async () => {
  const { client, clock, sockets, socket } = await somebody();
  const had = listen(client);
  socket().hear(READY);
  socket().onclose({ code: 4503, reason: "too many" });
  await clock.pass(60_000);
  await long();
  same([had.error instanceof Stopped, had.error.code, sockets.length], [true, 4503, 1]);
  const again = listen(client);
  await long();
  same(again.error.code, 4503);
  const error = await client.untilReady().catch((one) => one);
  same(error.code, 4503);
});

rule("a gap that the server does not fill is asked for again after a second", async () => {
  const { clock, calls, socket } = await somebody({
    answers: () => [200, { events: [], seq: 5, more: false }],
  });
  socket().hear(READY, message(8));
  await long();
  same(calls.length, 1);
  await clock.pass(1_000);
  await long();
  same(calls.length, 2);
});

rule("a browser's store keeps values in the order in which they were first put", async () => {
  const name = `rules ${crypto.randomUUID()}`;
  const store = new BrowserStore(name);
  for (const letter of ["z", "a", "m"]) await store.put(`x ${letter}`, letter);
  await store.put("x z", "again");
  await store.remove("x a");
  const again = new BrowserStore(name);
  same([await again.names("x "), await again.get("x z"), await again.get("x a")],
    [["x z", "x m"], "again", null]);
  indexedDB.deleteDatabase(name);
});

rule("a browser's store that could not be opened once is opened again", async () => {
  const { open } = IDBFactory.prototype;
  IDBFactory.prototype.open = () => {
    const request = { error: new Error("the disk is full") };
    queueMicrotask(() => request.onerror());
    return request;
  };
  const store = new BrowserStore("once");
  const failure = await store.get("x").catch((error) => error.message);
  IDBFactory.prototype.open = open;
  await store.put("x", "here");
  same([failure, await store.get("x")], ["the disk is full", "here"]);
});

rule("who logs in again after the session has ended hears what comes", async () => {
  const user = { user: { id: "ann" }, token: "b", refreshToken: "s", expiresIn: 900 };
  const answers = (_, path) => (path === "/api/user/login" ? [200, user] : [404, {}]);
  const { client, socket, sockets } = await somebody({ answers });
  const had = listen(client);
  socket().hear(READY);
  socket().onclose({ code: 4502, reason: "revoked" });
  await long();
  same([had.error instanceof Stopped, client.state], [true, "stopped"]);
  await client.logIn({ username: "ann", password: "correct horse" });
  const again = listen(client);
  await settle();
  socket().hear(READY, message(6));
  await client.untilReady();
  await long();
  same([sockets.length, again.seqs, again.error], [2, [6], null]);
});

rule("who logs in again outlives the socket of the session before", async () => {
  const user = { user: { id: "ann" }, token: "b", refreshToken: "s", expiresIn: 900 };
  const over = [401, { code: "unauthenticated", detail: "It is over." }];
  const answers = (_, path) => (path === "/api/user/login" ? [200, user] : over);
  const { client, sockets, socket } = await somebody({ answers });
  socket().hear(READY);
  await client.chats().catch(() => {});
  await client.logIn({ username: "ann", password: "another horse" });
  await settle();
  sockets[0].onclose({ code: 4502, reason: "revoked" });
  await settle();
  socket().hear(READY);
  await client.untilReady();
  same([socket().sent[0].token, client.rest.tokens.access, client.state], ["b", "b", "ready"]);
  socket().onclose({ code: 4502, reason: "revoked" });
  same([client.rest.tokens, client.state], [null, "stopped"]);
});

rule("a first place that cannot be stored ends the events with the store's own error", async () => {
  const store = new MemoryStore();
  const { client, socket } = await somebody({ store });
  const had = listen(client);
  store.put = () => { throw new Error("The disk is full."); };
  socket().hear(READY);
  await long();
  same([had.error?.message, client.state], ["The disk is full.", "stopped"]);
});

rule("a client that cannot be opened leaves no connection behind", async () => {
  const sockets = [];
  const store = new MemoryStore();
  store.put("session", JSON.stringify({ user: "ann", access: "a", refresh: "r", expires: 1e15 }));
  store.names = (beginning) => {
    if (beginning.startsWith("unsent ")) throw new Error("The disk is broken.");
    return [];
  };
  class Socket {
    constructor() {
      sockets.push(this);
    }

    close() {
      this.isClosed = true;
    }
  }
  const opening = Client.open({ store, WebSocket: Socket, origin: "http://there" });
  same(await opening.catch(({ message: text }) => text), "The disk is broken.");
  await long();
  same(sockets.every(({ isClosed }) => isClosed), true);
});

rule("a page of events that does not come is asked for again after a pause", async () => {
  let tries = 0;
  const { client, clock, socket } = await somebody({
    answers: () => {
      tries += 1;
      return [503, { code: "unavailable" }, { "Retry-After": "40" }];
    },
  });
  socket().hear({ ...READY, pingSeconds: 1_000 }, message(8));
  await long();
  await clock.pass(39_000);
  same(tries, 1);
  await clock.pass(2_000);
  same([tries, client.cursor("c")], [2, 5]);
});

rule("a page of events that is refused without a time is asked for again after a second", async () => {
  const { clock, calls, socket } = await somebody({ answers: () => [503, {}] });
  socket().hear(READY, message(8));
  await long();
  await clock.pass(900);
  same(calls.length, 1);
  await clock.pass(100);
  same(calls.length, 2);
});

rule("a page of other things than events changes nothing, and is asked for again", async () => {
  const end = { type: "participant.removed", chat: "c", seq: 7 };
  for (const wrong of [undefined, null, 7, [message(6), null], [message(6), end],
    [message(6), { ...message(7), seq: "7" }], [message(6), message(7, { chat: "d" })]]) {
    const events = [message(6), message(7)];
    const pages = [wrong, events];
    const { client, clock, socket } = await somebody({
      answers: () => [200, { events: pages.shift(), more: false }],
    });
    const had = listen(client);
    socket().hear(READY, message(8));
    await long();
    same([wrong, had.seqs, pages.length], [wrong, [], 1]);
    await clock.pass(1_000);
    await long();
    same([wrong, had.seqs], [wrong, [6, 7, 8]]);
  }
});

rule("a server in trouble gets few requests, however many chats are behind", async () => {
  const names = Array.from({ length: 100 }, (_, number) => `c${number}`);
  const chats = Object.fromEntries(names.map((name) => [name, 9]));
  const store = new MemoryStore();
  for (const name of names) store.put(`cursor ${name}`, "1");
  store.put("user", "ann");
  store.put("epoch", "e");
  const { clock, calls, socket } = await somebody({ store, answers: () => [503, {}] });
  socket().hear({ ...READY, chats, behind: names });
  for (const most of [8, 16, 24]) {
    await long();
    same(calls.length, most);
    await clock.pass(1_000);
  }
});

rule("a client that is closed asks for no page any more", async () => {
  let tries = 0;
  const { client, clock, socket } = await somebody({
    answers: () => {
      tries += 1;
      return [503, { code: "unavailable" }, { "Retry-After": "2" }];
    },
  });
  socket().hear(READY, message(8));
  await long();
  await client.close();
  const after = clock.waiting;
  await clock.pass(60_000);
  await long();
  same([tries, after], [1, 0]);
});

rule("what is not understood ends the events, and nothing else", async () => {
  const end = { type: "participant.removed", chat: "c", seq: 6 };
  for (const data of ["<html>", "[]", "", "null", '{"chat":"c","seq":6}', JSON.stringify(end)]) {
    const { client, socket } = await somebody();
    const had = listen(client);
    socket().hear(READY);
    socket().onmessage({ data });
    await long();
    same([data, had.error?.code, had.seqs, socket().closed], [data, 1002, [], true]);
  }
});

rule("who is watched is said on each socket, and moments end as events do", async () => {
  const { client, clock, socket, sockets } = await somebody();
  const had = [];
  const ending = (async () => {
    for await (const { type } of client.moments()) had.push(type);
  })().catch((error) => error);
  client.watch("ben");
  socket().hear(READY, { type: "presence", users: { ben: "online" } });
  socket().onclose({ code: 1012, reason: "" });
  await clock.pass(1_000);
  await long();
  socket().hear(READY);
  const watch = { type: "watch", users: ["ben"] };
  same([sockets.map(({ sent }) => sent.slice(1)), had], [[[watch], [watch]], ["presence"]]);
  await client.close();
  same((await ending).message, "1000 closed by the program");
});

rule("closing ends the repeats of calls with what their last attempts have raised", async () => {
  let answer;
  const { client, clock, calls } = await somebody({
    answers: (_, path) => (path.endsWith("me") ? new Promise((to) => (answer = to)) : [503, {}]),
  });
  const ended = [client.chats(), client.rest.call("GET", "/api/user/me")]
    .map((call) => call.catch(({ name }) => name));
  await long();
  await client.close();
  const { waiting } = clock;
  answer([503, {}]);
  same([await Promise.all(ended), waiting], [["Unavailable", "Unavailable"], 0]);
  await clock.pass(60_000);
  same(calls.length, 2);
});
