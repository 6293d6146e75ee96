import { MemoryStore } from "/web/client/store.js";
import { Stopped } from "/web/client/errors.js";
import { rule, same } from "./checks.js";
import { READY, listen, long, message, somebody } from "./program.js";

const session = (id) => ({ user: { id }, token: id, refreshToken: id, expiresIn: 900 });
const answers = (_, path) => (path === "/api/user/login" ? [200, session("ben")] : [200, {}]);
const BEN = { username: "ben", password: "correct horse" };

rule("who logs in next begins with what comes, not with what waits for the user before", async () => {
  for (const isLoggedOut of [true, false]) {
    const { client, store, calls, sockets, socket } = await somebody({ answers });
    socket().hear(READY, message(6), message(7), message(8));
    const events = client.events();
    const had = [(await events.next()).value.seq];
    if (isLoggedOut) await client.logOut();
    await client.logIn(BEN);
    await long();
    same([sockets.length, socket().sent], [2, [{ type: "connect", token: "ben", resume: {} }]]);
    socket().hear({
      ...READY, user: "ben", chats: { c: 12, d: 7 }, read: { c: 2, d: 3 },
    }, message(13), message(8, { chat: "d" }));
    await long();
    same([store.get("cursor c"), store.get("user")], ["12", "ben"]);
    for (const _ of [1, 2]) had.push((await events.next()).value.seq);
    same([had, calls.filter(([, path]) => path.includes("/events"))], [[6, 13, 8], []]);
  }
});

rule("a client that is closed during a log-in neither connects nor sends", async () => {
  const change = { key: "k", chat: "c", method: "PUT", path: "/api/chat/c/read" };
  for (const isAnswered of [false, true]) {
    const { client, store, calls, sockets } = await somebody({ answers, tokens: null });
    await store.put("unsent ben c k", JSON.stringify(change));
    const waiting = [];
    const names = () => new Promise((resolve) => waiting.push(() => resolve([])));
    if (isAnswered) store.names = names; // before what is left of another user is removed
    const loggingIn = client.logIn(BEN).catch((error) => error);
    if (isAnswered) await long();
    await client.close();
    delete store.names;
    for (const goOn of waiting) goOn();
    const error = await loggingIn;
    await long();
    same([error.name, error.code], ["Stopped", 1000]);
    same([calls.length, sockets.every(({ closed }) => closed)], [1, true]);
  }
});

rule("a log-in that is being repeated ends with its client", async () => {
  const { client } = await somebody({ answers: () => [503, {}], tokens: null });
  const loggingIn = client.logIn(BEN).catch((error) => error);
  await long();
  await client.close();
  same((await loggingIn).name, "Stopped");
});

rule("what another window renewed is taken, also after the clock was set back", async () => {
  const { client, clock, store, calls } = await somebody({ answers });
  const expires = clock.now() + 900_000;
  await store.put("session", JSON.stringify({ user: "ann", access: "b", refresh: "s", expires }));
  same([client.rest.tokens.expires > expires, await client.rest.renew(), calls], [true, "b", []]);
});

rule("nothing of a session is in the store once it was logged out", async () => {
  const { client, store, socket } = await somebody({ answers });
  socket().hear(READY, message(6), message(7));
  const events = client.events();
  await events.next();
  await client.logOut();
  same((await events.next()).value.seq, 7);
  await long();
  same(store.names(""), []);
});

rule("a log-out ends the events as closing does, whenever the server ends the socket", async () => {
  const end = (socket) => socket().onclose({ code: 4502, reason: "revoked" });
  for (const when of ["before the answer", "after the answer", "never"]) {
    const { client, socket } = await somebody({
      answers: () => {
        if (when === "before the answer") end(socket);
        return [200, {}];
      },
    });
    const had = listen(client);
    socket().hear(READY);
    const leaving = client.logOut();
    while (client.rest.tokens !== null) await Promise.resolve();
    if (when === "after the answer") end(socket);
    await leaving;
    await long();
    same([when, had.error.message, client.state], [when, "1000 closed by the program", "stopped"]);
  }
});

rule("a log-out without an answer is done once the socket says that the session is over", async () => {
  const { client, clock, store, socket } = await somebody({ answers: () => [503, {}] });
  const had = listen(client);
  socket().hear(READY, message(6));
  let left = null;
  client.logOut().then(() => (left = store.names("")), () => {});
  await long();
  socket().onclose({ code: 4502, reason: "revoked" });
  await clock.pass(500);
  await long();
  same([left, had.error.message], [[], "1000 closed by the program"]);
});

rule("a log-out that a log-in overtakes takes nothing from the next user", async () => {
  let end;
  const ended = new Promise((resolve) => (end = resolve));
  const { client, clock, store, socket } = await somebody({
    answers: (method, path) => {
      if (path === "/api/user/logout") return ended.then(() => [503, {}]);
      return path === "/api/user/login" ? answers(method, path) : [503, {}];
    },
  });
  socket().hear(READY);
  const anns = client.chat("c").rename("Garden").catch(({ name }) => name);
  const leaving = client.logOut();
  await long();
  await client.logIn(BEN);
  client.chat("c").rename("Balcony").catch(() => {});
  await long();
  end();
  await long();
  await clock.pass(500);
  await leaving;
  await long();
  same([await anns, client.user, client.state], ["Unauthenticated", "ben", "connecting"]);
  same(store.names("unsent ").map((name) => name.split(" ")[1]), ["ben"]);
  same([store.get("user"), JSON.parse(store.get("session")).user], ["ben", "ben"]);
});

rule("a log-out that a log-in of the same user overtakes leaves the new session", async () => {
  let end;
  const ended = new Promise((resolve) => (end = resolve));
  let isBack = false;
  const { client, store, calls, socket } = await somebody({
    answers: (_, path) => {
      if (path === "/api/user/logout") return ended.then(() => [401, { code: "unauthenticated" }]);
      if (path === "/api/user/login") return [200, session("ann")];
      return isBack ? [200, {}] : [503, {}];
    },
  });
  socket().hear(READY);
  const renaming = client.chat("c").rename("Garden");
  const leaving = client.logOut();
  await long();
  await client.logIn({ username: "ann", password: "correct horse" });
  isBack = true;
  end();
  await leaving;
  await long();
  same([client.user, JSON.parse(store.get("session")).access], ["ann", "ann"]);
  same(calls.filter(([, path]) => path === "/api/user/logout").length, 1);
  client.hurry();
  socket().hear(READY);
  await renaming;
  await client.chat("c").rename("Balcony");
});

rule("who logs in while somebody logs out is connected, whoever is answered first", async () => {
  let enter;
  const entered = new Promise((resolve) => (enter = resolve));
  const { client, store, socket } = await somebody({
    answers: (_, path) => (path === "/api/user/login" ? entered : [200, {}]),
  });
  socket().hear(READY);
  const leaving = client.logOut();
  const entering = client.logIn(BEN);
  await leaving;
  enter([200, session("ben")]);
  await entering;
  await long();
  same([client.user, client.state, JSON.parse(store.get("session")).user],
    ["ben", "connecting", "ben"]);
});

rule("a place is that of its user, also when their session has ended", async () => {
  for (const [id, resume, epoch] of [["ann", { c: 5 }, "e"], ["ben", {}, undefined]]) {
    const store = new MemoryStore();
    const first = await somebody({ store, answers: () => [401, { code: "unauthenticated" }] });
    first.socket().hear(READY, { type: "expiring" });
    await long();
    same(store.get("session"), null);
    await first.client.close();
    const next = await somebody({ store, answers: () => [200, session(id)], tokens: null });
    await next.client.logIn(BEN);
    await long();
    same(next.socket().sent, [{ type: "connect", token: id, resume, epoch }]);
  }
});

rule("a session that was revoked is forgotten, unless there is another one by now", async () => {
  for (const other of [null, JSON.stringify({ access: "another window's" })]) {
    const { client, store, socket } = await somebody();
    const had = listen(client);
    socket().hear(READY);
    if (other !== null) store.put("session", other);
    socket().onclose({ code: 4502, reason: "revoked" });
    await long();
    same([had.error instanceof Stopped, had.error.code, client.rest.tokens], [true, 4502, null]);
    same([store.get("session"), store.get("cursor c")], [other, "5"]);
  }
});

rule("who logs in next is connected at once, however much waits for the user before", async () => {
  const { client, sockets, socket } = await somebody({ answers });
  const events = client.events();
  const first = events.next();
  const all = Array.from({ length: 10_100 }, (_, n) => message(n + 6));
  socket().hear(READY, ...all);
  await first;
  await client.logIn(BEN);
  await long();
  same([sockets.length, client.state], [2, "connecting"]);
  socket().hear({ ...READY, user: "ben", chats: { d: 7 } }, message(8, { chat: "d" }));
  same([(await events.next()).value.seq, client.state], [8, "ready"]);
});

rule("who logs in again while there is no socket is connected at once", async () => {
  const { client, sockets, socket } = await somebody({ answers: () => [200, session("ann")] });
  socket().hear(READY);
  socket().onclose({ code: 1006, reason: "" });
  same(client.state, "waiting");
  await client.logIn({ username: "ann", password: "correct horse" });
  await long();
  same([sockets.length, client.state], [2, "connecting"]);
});

rule("who logs in again before the next user is connected is connected as themself", async () => {
  let user = "ben";
  const { client, socket } = await somebody({ answers: () => [200, session(user)] });
  socket().hear(READY);
  await client.logIn(BEN);
  user = "ann";
  await client.logIn({ username: "ann", password: "correct horse" });
  await long();
  same(socket().sent, [{ type: "connect", token: "ann", resume: {} }]);
});

rule("who was watched for the user before is watched for nobody else", async () => {
  for (const isLoggedOut of [true, false]) {
    const { client, socket } = await somebody({ answers });
    client.watch("cleo");
    socket().hear(READY);
    if (isLoggedOut) await client.logOut();
    await client.logIn(BEN);
    await long();
    socket().hear({ ...READY, user: "ben" });
    same(socket().sent.map(({ type }) => type), ["connect"]);
  }
});
