import { MemoryStore } from "/web/client/store.js";
import { NoAnswer } from "/web/client/errors.js";
import { Outbox } from "/web/client/outbox.js";
import { StandingClock, rule, same } from "./checks.js";
import { READY, long, somebody } from "./program.js";

const sends = (socket) => socket.sent.filter(({ type }) => type === "send");
const unsent = (store) => store.names("unsent ").length;
const sent = ({ clientId }, seq) => (
  { type: "sent", chat: "c", clientId, messageId: `m${seq}`, seq, at: "t" }
);
const heard = (promise) => promise.then(() => null, (error) => error);

/** A server with sessions: `ended` refuses everything, and `user` is the one who logs in. */
function sessions() {
  const server = { ended: false, user: "ann" };
  server.answers = (method, path) => {
    if (path === "/api/user/login") {
      const { user } = server;
      return [200, { user: { id: user }, token: user, refreshToken: "s", expiresIn: 900 }];
    }
    if (server.ended) return [401, { code: "unauthenticated", detail: "It has ended." }];
    return [200, { messageInfo: { messageId: "m", seq: 6, at: "t" } }];
  };
  return server;
}

rule("an ended session keeps what is unsent, and its user sends it after the log-in", async () => {
  const server = sessions();
  const { client, store, calls, sockets, socket } = await somebody(server);
  server.ended = true;
  const chat = client.chat("c");
  const callers = [heard(chat.send("one")), heard(chat.send("two"))];
  await long();
  same((await Promise.all(callers)).map(({ name }) => name), ["Unauthenticated", "Unauthenticated"]);
  same((await callers[0]).message.startsWith("It has ended. What is unsent is kept"), true);
  const asked = calls.length;
  same([(await heard(chat.send("three"))).name, (await heard(client.outbox.empty())).name],
    ["Unauthenticated", "Unauthenticated"]);
  same([calls.length, unsent(store), client.outbox.size], [asked, 3, 3]);
  server.ended = false;
  socket().onclose({ code: 4502, reason: "" });
  await client.logIn({ username: "ann", password: "correct horse" });
  await client.outbox.empty();
  const made = calls.slice(asked).filter(([, path]) => path === "/api/chat/c/message");
  same([made.map(([, , body]) => body.message), unsent(store)], [["one", "two", "three"], 0]);
  same(sockets.length, 2);
});

rule("a change is never sent as another user: neither in a call nor over a socket", async () => {
  const server = sessions();
  const { client, store, sockets, socket } = await somebody(server);
  socket().hear(READY);
  const anns = heard(client.chat("c").send("ann's"));
  await long();
  const first = socket();
  server.user = "ben";
  await client.logIn({ username: "ben", password: "correct horse" });
  same([(await anns).name, first.closed], ["Unauthenticated", true]);
  await long();
  same([sockets.length, socket().sent[0].token], [2, "ben"]);
  socket().hear({ ...READY, user: "ben" });
  const bens = client.chat("c").send("ben's");
  await long();
  same(sends(socket()).map((one) => one.message), ["ben's"]);
  socket().hear(sent(sends(socket())[0], 6));
  same([(await bens).seq, unsent(store)], [6, 1]);
  server.user = "ann";
  await client.logIn({ username: "ann", password: "correct horse" });
  await client.outbox.empty();
  same(unsent(store), 0);
});

rule("a change that is made while the store takes its time for a log-in is the new user's", async () => {
  const server = sessions();
  const store = new MemoryStore();
  const { client } = await somebody({ store, answers: server.answers });
  const waiting = [];
  store.names = () => new Promise((resolve) => waiting.push(() => resolve([])));
  server.user = "ben";
  const loggingIn = client.logIn({ username: "ben", password: "correct horse" });
  await long();
  same(client.user, "ben");
  const sending = client.chat("c").send("ben's");
  delete store.names;
  same(store.names("unsent ").map((name) => name.split(" ")[1]), ["ben"]);
  for (const goOn of waiting) goOn();
  await loggingIn;
  same((await sending).seq, 6);
});

rule("an attempt that another log-in overtakes is not repeated in that session", async () => {
  const server = sessions();
  let answer;
  const slow = new Promise((resolve) => { answer = resolve; });
  const { client, calls, store } = await somebody({
    answers: (method, path) => (
      path === "/api/chat/c/message" && server.user === "ann" ? slow : server.answers(method, path)
    ),
  });
  heard(client.chat("c").send("ann's"));
  await long();
  server.user = "ben";
  await client.logIn({ username: "ben", password: "correct horse" });
  answer([401, { code: "unauthenticated", detail: "No." }]);
  await long();
  const made = calls.filter(([, path]) => path === "/api/chat/c/message");
  same([made.length, unsent(store)], [1, 1]);
  await client.chat("c").send("ben's");
  same(unsent(store), 1);
});

rule("a change that is kept too late for its session goes out over no other one's socket", async () => {
  const server = sessions();
  const store = new MemoryStore();
  const { client, socket } = await somebody({ store, answers: server.answers });
  socket().hear(READY);
  let keep;
  store.put = (name, value) => {
    if (!name.startsWith("unsent ")) return MemoryStore.prototype.put.call(store, name, value);
    return new Promise((resolve) => { keep = resolve; });
  };
  heard(client.chat("c").send("ann's"));
  await long();
  server.user = "ben";
  await client.logIn({ username: "ben", password: "correct horse" });
  await long();
  socket().hear({ ...READY, user: "ben" });
  keep();
  await long();
  same([sends(socket()), client.state], [[], "ready"]);
});

rule("a change is resumed once, however often its user logs in", async () => {
  const { client, clock, sockets, socket } = await somebody(sessions());
  socket().hear(READY);
  const sending = client.chat("c").send("one");
  await long();
  for (let time = 0; time < 2; time += 1) {
    await client.logIn({ username: "ann", password: "correct horse" });
  }
  same(client.outbox.size, 1);
  socket().hear(sent(sends(socket())[0], 6));
  await sending;
  await clock.pass(60_000);
  same([sockets.flatMap(sends).length, client.outbox.size], [1, 0]);
});

rule("a change without an answer is repeated every 15 s, however often", async () => {
  const { client, clock, socket } = await somebody(sessions());
  socket().hear({ ...READY, pingSeconds: 1_000 });
  client.chat("c").send("one");
  await long();
  const counts = [];
  for (let time = 0; time < 6; time += 1) {
    await clock.pass(14_900);
    await long();
    counts.push(sends(socket()).length);
    await clock.pass(100);
    await long();
  }
  same(counts, [1, 2, 3, 4, 5, 6]);
});

rule("a call that fails late does not count as the failure of the next attempt", async () => {
  const calls = [];
  const clock = new StandingClock();
  const perform = () => new Promise((resolve, reject) => calls.push({ resolve, reject }));
  const outbox = new Outbox({ store: new MemoryStore(), clock, random: () => 0.5, perform });
  await outbox.resume("ann");
  const answer = outbox.put({ key: "1", chat: "c" });
  await clock.pass(15_000);
  calls[0].reject(new NoAnswer("It took 15 s."));
  await clock.pass(14_000);
  same(calls.length, 2);
  calls[1].reject(new NoAnswer("So did this."));
  await clock.pass(1_000);
  same(calls.length, 3);
  calls[2].resolve("made");
  same([await answer, outbox.size], ["made", 0]);
});

rule("who awaits an answer when the client is closed hears that there was none", async () => {
  const { client, store, socket } = await somebody(sessions());
  socket().hear(READY);
  const sending = heard(client.chat("c").send("one"));
  await long();
  await client.close();
  same([(await sending).name, unsent(store)], ["NoAnswer", 1]);
});

rule("who logs out keeps nothing, and leaves what others have not sent", async () => {
  const server = sessions();
  const store = new MemoryStore();
  store.put("unsent ben 1", "{}");
  const { client } = await somebody({ store, answers: server.answers });
  server.ended = true;
  await heard(client.chat("c").send("one"));
  server.ended = false;
  await client.logIn({ username: "ann", password: "correct horse" });
  await client.logOut();
  same(store.names(""), ["unsent ben 1"]);
});

rule("a change that cannot be stored is told to its caller, at its turn, and to nobody else", async () => {
  const unhandled = new Promise((resolve) => {
    addEventListener("unhandledrejection", (event) => {
      event.preventDefault();
      resolve(event.reason);
    }, { once: true });
  });
  const store = new MemoryStore();
  let answer;
  const perform = () => new Promise((resolve) => { answer = resolve; });
  const outbox = new Outbox({ store, clock: new StandingClock(), random: () => 0.5, perform });
  await outbox.resume("ann");
  const first = outbox.put({ key: "1", chat: "c" });
  store.put = () => { throw new Error("The disk is full."); };
  const second = heard(outbox.put({ key: "2", chat: "c" }));
  await long();
  Promise.reject("the rule's own"); // the browser tells of them in their order
  same(await unhandled, "the rule's own");
  answer("made");
  same([await first, (await second).message], ["made", "The disk is full."]);
});

rule("a store that cannot forget a change holds up nothing", async () => {
  const clock = new StandingClock();
  const store = new MemoryStore();
  store.remove = async () => { throw new Error("The disk is full."); };
  const outbox = new Outbox({ store, clock, random: () => 0.5, perform: async ({ key }) => key });
  await outbox.resume("ann");
  const answers = ["1", "2"].map((key) => outbox.put({ key, chat: "c" }));
  await outbox.empty();
  same(await Promise.all(answers), ["1", "2"]);
});

rule("a reaction that is under way is not sent again by the next socket", async () => {
  const waiting = [];
  const answers = () => new Promise((resolve) => waiting.push(resolve));
  const { client, clock, calls, sockets, socket } = await somebody({ answers });
  socket().hear(READY);
  const reacted = client.chat("c").react("m", "x");
  const unreacted = client.chat("c").unreact("m", "x");
  await long();
  socket().onclose({ code: 1006 });
  await clock.pass(1_000);
  socket().hear(READY);
  await long();
  same([sockets.length, calls.map(([method]) => method)], [2, ["PUT"]]);
  waiting[0]([503, { code: "unavailable" }]);
  await long();
  await clock.pass(500);
  await long();
  same(calls.map(([method]) => method), ["PUT", "PUT"]);
  waiting[1]([201, { message: "Done." }]);
  await reacted;
  await long();
  same(calls.map(([method]) => method), ["PUT", "PUT", "DELETE"]);
  waiting[2]([200, { message: "Done." }]);
  await unreacted;
});
