import { MemoryStore } from "/web/client/store.js";
import { rule, same } from "./checks.js";
import { READY, listen, long, message, somebody, until } from "./program.js";

const MANY = Array.from({ length: 10_001 }, (_, n) => message(n + 6));

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

rule("a program that is slow has few more than 10,000 events waiting, in any number of chats", async () => {
  const chats = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`c${n}`, 400]));
  const store = new MemoryStore();
  store.put("epoch", "e");
  for (const chat of Object.keys(chats)) store.put(`cursor ${chat}`, "0");
  const { client, calls, socket, sockets } = await somebody({
    store,
    answers: async (_, path) => {
      const [, chat, after] = path.match(/chat\/(\w+)\/events\?after=(\d+)/);
      const events = Array.from({ length: 200 }, (_unused, n) => message(+after + n + 1, { chat }));
      return [200, { events, seq: 400, more: after < 200 }];
    },
  });
  const ready = { ...READY, chats, behind: Object.keys(chats) };
  const taken = client.events();
  const first = taken.next();
  socket().hear(ready);
  await until(() => client.state === "stopped");
  await long();
  same([calls.length > 50, calls.length <= 58], [true, true]);
  const had = new Set([`${(await first).value.chat} ${(await first).value.seq}`]);
  for (let heard = 1; had.size < 40_000;) {
    const { value } = await taken.next();
    had.add(`${value.chat} ${value.seq}`);
    if (sockets.length > heard) {
      heard = sockets.length;
      socket().hear(ready);
    }
  }
  same(had.size, 40_000);
});

rule("what nobody has listened to for long comes again, however much it is", async () => {
  const { client, sockets, socket } = await somebody({
    answers: () => [200, { events: [message(6), message(7)], seq: 10_006, more: false }],
  });
  socket().hear(READY, ...MANY);
  same(client.cursor("c"), 10_006);
  const had = listen(client);
  await long();
  same([sockets.length, socket().sent[0].resume], [2, { c: 5 }]);
  socket().hear({ ...READY, chats: { c: 10_006 }, behind: ["c"] });
  await long();
  same(had.seqs, [6, 7]);
});

rule("what was dropped comes again after the end of the session, before what followed", async () => {
  const { client, store, socket } = await somebody({
    answers: () => [200, { user: { id: "ann" }, token: "b", refreshToken: "s", expiresIn: 900 }],
  });
  socket().hear(READY, ...MANY, message(10_007));
  socket().onclose({ code: 4503, reason: "too many" });
  const had = listen(client);
  await long();
  same([had.seqs, had.error.code, store.get("cursor c")], [[], 4503, "5"]);
  await client.logIn({ username: "ann", password: "correct horse" });
  const again = listen(client);
  await long();
  same(socket().sent[0].resume, { c: 5 });
  socket().hear(READY, message(6));
  await long();
  same(again.seqs, [6]);
});

rule("a history that begins after events were dropped counts at once", async () => {
  for (const [epoch, d, resume] of [["f", 4, { d: 4, c: 3 }], ["e", 6, { d: 5, c: 3 }]]) {
    const { client, clock, socket } = await somebody();
    socket().hear({ ...READY, chats: { c: 5, d: 5 } }, ...MANY, message(6, { chat: "d" }));
    socket().onclose({ code: 1012, reason: "" });
    await clock.pass(1_000);
    await long();
    socket().hear({ ...READY, epoch, chats: { c: 3, d } });
    listen(client);
    await long();
    same([socket().sent[0].resume, socket().sent[0].epoch], [resume, epoch]);
  }
});

rule("a history that begins while the place of the program is looked up counts", async () => {
  for (let turns = 0; turns < 6; turns += 1) { // after more the client has connected again
    const { client, clock, socket } = await somebody();
    socket().hear({ ...READY, chats: { c: 5, d: 5 } }, ...MANY, message(6, { chat: "d" }));
    socket().onclose({ code: 1012, reason: "" });
    await clock.pass(1_000);
    await long();
    listen(client);
    for (let turn = 0; turn < turns; turn += 1) await null;
    socket().hear({ ...READY, epoch: "f", chats: { c: 3, d: 4 } });
    await long();
    const { resume, epoch } = socket().sent[0];
    same([turns, resume, epoch], [turns, { d: 4, c: 3 }, "f"]);
  }
});

rule("a first place that could not be stored is stored when its user is back", async () => {
  const session = { user: { id: "ann" }, token: "b", refreshToken: "s", expiresIn: 900 };
  const { client, store, socket } = await somebody({ answers: () => [200, session] });
  store.put = () => { throw new Error("The disk is full."); };
  socket().hear(READY);
  await long();
  same(client.state, "stopped");
  delete store.put;
  await client.logIn({ username: "ann", password: "correct horse" });
  await long();
  socket().hear(READY);
  await long();
  same([store.get("epoch"), store.get("cursor c")], ["e", "5"]);
});

rule("a history that cannot be stored after events were dropped ends them with that error", async () => {
  const { client, clock, store, socket } = await somebody();
  socket().hear(READY, ...MANY);
  socket().onclose({ code: 1012, reason: "" });
  await clock.pass(1_000);
  await long();
  store.put = () => { throw new Error("The disk is full."); };
  socket().hear({ ...READY, epoch: "f" });
  await long();
  const had = listen(client);
  await long();
  same([had.seqs, had.error?.message, client.state], [[], "The disk is full.", "stopped"]);
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

rule("another history counts from when the program has heard of it", async () => {
  const { client, clock, store, socket } = await somebody();
  const kept = () => ["epoch", "cursor c", "cursor d"].map((name) => store.get(name));
  const again = async (ready) => {
    socket().onclose({ code: 1012, reason: "" });
    await clock.pass(1_000);
    await long();
    socket().hear({ ...READY, ...ready });
  };
  socket().hear({ ...READY, chats: { c: 5, d: 5 } }, message(6));
  await again({ epoch: "f", chats: { c: 2, d: 3 } });
  socket().hear(message(3), message(4, { chat: "d" }));
  await again({ epoch: "f", chats: { c: 3, d: 1 } });
  socket().hear(message(2, { chat: "d" }));
  const stages = [];
  for await (const { type, seq, chat } of client.events()) {
    stages.push([type === "restarted" ? chat : seq, ...kept()]);
    if (stages.length === 6) break;
  }
  same(stages, [
    [6, "e", "5", "5"], [null, "e", "6", "5"], [3, "f", "2", "3"],
    [4, "f", "3", "3"], ["d", "f", "3", "4"], [2, "f", "3", "1"],
  ]);
});

rule("another history counts once the program asks for more, in this loop or another", async () => {
  const store = new MemoryStore();
  for (const [name, value] of [["epoch", "before"], ["cursor c", "99"]]) store.put(name, value);
  const { client, socket } = await somebody({ store });
  socket().hear(READY, message(6), message(7));
  const next = async () => (await client.events().next()).value;
  same([(await next()).type, (await next()).seq, (await next()).seq], ["restarted", 6, 7]);
  same([store.get("epoch"), store.get("cursor c")], ["e", "6"]);
});

rule("events that wait for pages come again on another socket once they are too many", async () => {
  let page = [503, {}];
  const { client, sockets, socket } = await somebody({ answers: () => page });
  const had = listen(client);
  socket().hear(READY, ...MANY.slice(1));
  await long();
  same([sockets.length, had.seqs], [1, []]);
  page = [200, { events: MANY, more: false }];
  socket().hear(message(10_007), message(10_008));
  await long();
  same([sockets.length, socket().sent[0].resume], [2, { c: 5 }]);
  socket().hear({ ...READY, chats: { c: 10_006 }, behind: ["c"] }, message(10_007));
  await until(() => had.seqs.length === 10_002);
  same([had.seqs[0], had.seqs.at(-1)], [6, 10_007]);
});
