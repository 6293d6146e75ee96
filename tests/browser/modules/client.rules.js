import { Client } from "/web/client/client.js";
import { BrowserStore, MemoryStore } from "/web/client/store.js";
import { Stopped } from "/web/client/errors.js";
import { StandingClock, answered, rule, same, settle } from "./checks.js";

/** One side of a socket; the rules play the server. */
class Socket {
  constructor(line) {
    this.sent = [];
    line.push(this);
    queueMicrotask(() => this.onopen({}));
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.closed = true;
  }

  hear(...frames) {
    this.onmessage({ data: frames.map((frame) => JSON.stringify(frame)).join("\n") });
  }
}

const READY = {
  type: "ready", protocol: "chat.v1", user: "ann", epoch: "e", chats: { c: 5 }, behind: [],
  pingSeconds: 25,
};
const message = (seq, rest = {}) => ({
  type: "message", chat: "c", seq, at: `t${seq}`, by: "bob", messageId: `m${seq}`,
  message: `text ${seq}`, ...rest,
});
const TOKENS = { user: "ann", access: "a", refresh: "r", expires: 1e15 };

/** A client whose server is the rule: `answers(method, path)` gives `[status, body]`. */
async function somebody({ store = new MemoryStore(), answers = () => [404, {}] } = {}) {
  await store.put("session", JSON.stringify(TOKENS));
  const sockets = [];
  const calls = [];
  const clock = new StandingClock();
  const client = await Client.open({
    store, clock, random: () => 0.5, origin: "http://there",
    WebSocket: class extends Socket {
      constructor() {
        super(sockets);
      }
    },
    fetch: async (path, { method, body }) => {
      const name = path.replace("http://there", "");
      calls.push([method, name, body && JSON.parse(body)]);
      const [status, answer] = await answers(method, name);
      return answered(status, answer);
    },
  });
  await settle();
  return { client, clock, store, sockets, calls, socket: () => sockets.at(-1) };
}

/** What comes out of `events`, as a program takes it. */
function listen(client, most = Infinity) {
  const had = { seqs: [], error: null };
  (async () => {
    try {
      for await (const event of client.events()) {
        had.seqs.push(event.seq ?? event.type);
        if (had.seqs.length >= most) await new Promise(() => {});
      }
    } catch (error) {
      had.error = error;
    }
  })();
  return had;
}

const long = async () => {
  for (let turn = 0; turn < 20; turn += 1) await settle();
};

rule("it connects with what the store has, and what comes is given once and in order", async () => {
  const { client, socket } = await somebody();
  same(socket().sent, [{ type: "connect", token: "a", resume: {} }]);
  const had = listen(client);
  socket().hear(READY, message(6), message(6), message(7));
  await long();
  same([had.seqs, client.cursor("c"), client.state], [[6, 7], 7, "ready"]);
});

rule("a hole is filled with what the server has, before what came after it", async () => {
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

rule("loaded messages stay current: what is in the page is not folded twice", async () => {
  const page = [message(6, { message: "new", editedAt: "t7" }), message(5)];
  const { client, socket } = await somebody({
    answers: (_, path) => (path.startsWith("/api/chat/c/message?")
      ? [200, { messages: page, seq: 7, more: true }]
      : [404, {}]),
  });
  socket().hear(READY);
  const chat = client.chat("c");
  await chat.load(2);
  const about = { messageId: "m6", of: 6 };
  socket().hear(
    message(6), message(7, { ...about, type: "message.edited", message: "new" }),
    message(8, { ...about, type: "reaction.added", emoji: "👍" }), message(9),
  );
  same(chat.messages.map(({ seq, message: text }) => [seq, text]),
    [[5, "text 5"], [6, "new"], [9, "text 9"]]);
  same([chat.messages[1].reactions, chat.hasOlder],
    [[{ emoji: "👍", count: 1, users: ["bob"] }], true]);
});

rule("a code after which no client comes back ends the events with it", async () => {
  const { client, clock, sockets, socket } = await somebody();
  const had = listen(client);
  socket().hear(READY);
  socket().onclose({ code: 4503, reason: "too many" });
  await clock.pass(60_000);
  await long();
  same([had.error instanceof Stopped, had.error.code, sockets.length], [true, 4503, 1]);
  const error = await client.untilReady().catch((one) => one);
  same(error.code, 4503);
});

rule("a program that is slow is disconnected, and comes back when it has caught up", async () => {
  const { client, sockets, socket } = await somebody();
  const taken = client.events();
  const first = taken.next();
  const all = Array.from({ length: 10_100 }, (_, n) => message(n + 6));
  socket().hear(READY, ...all);
  await first;
  same([client.state, socket().closed], ["stopped", true]);
  for (let seq = 7; seq < 5_200; seq += 1) await taken.next();
  await long();
  same([sockets.length, socket().sent[0].resume.c > 10_000], [2, true]);
});

rule("a restored history is told, and what was kept of it forgotten", async () => {
  const store = new MemoryStore();
  store.put("epoch", "before");
  store.put("cursor c", "99");
  const { client, socket } = await somebody({ store });
  const had = listen(client);
  socket().hear(READY, message(6));
  await long();
  same([had.seqs, store.get("cursor c"), store.get("epoch")], [["restarted", 6], "6", "e"]);
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
