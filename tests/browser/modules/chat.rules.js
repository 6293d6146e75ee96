import { rule, same } from "./checks.js";
import { READY, long, message, somebody } from "./program.js";

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

rule("who is added again begins anew, with what was before as an older page", async () => {
  const created = {
    type: "chat.created", chat: "c", seq: 9, at: "t9", by: "bob", chatName: "talk",
    participants: ["ann", "bob"], participantCount: 2, owner: "bob", kind: "group",
  };
  const removed = {
    type: "participant.removed", chat: "c", seq: 6, at: "t6", by: "bob", users: ["ann"], owner: "bob",
  };
  const older = { messages: [message(5, { message: "new" })], seq: 10, more: false };
  const { client, socket } = await somebody({
    answers: (_, path) => [200, path === "/api/chat/c/message?before=9&limit=50"
      ? older
      : { messages: [message(5), message(4)], seq: 5, more: false }],
  });
  socket().hear(READY);
  const chat = client.chat("c");
  await chat.load();
  socket().hear(removed, created, message(10));
  const shown = () => chat.messages.map(({ seq, message: text }) => [seq, text]);
  same([shown(), chat.hasOlder], [[[10, "text 10"]], true]);
  await chat.loadOlder();
  same([shown(), chat.hasOlder], [[[5, "new"], [10, "text 10"]], false]);
});

rule("each of two loads at the same time gives what is shown then", async () => {
  const page = { messages: [message(5), message(4)], seq: 5, more: true };
  const { client, socket } = await somebody({ answers: () => [200, page] });
  socket().hear(READY);
  const chat = client.chat("c");
  const loaded = await Promise.all([chat.load(), chat.load()]);
  same(loaded.map((messages) => messages.map(({ seq }) => seq)), [[4, 5], [4, 5]]);
});

rule("what happens between a load and the first socket is not missed", async () => {
  for (const isFirst of [true, false]) {
    let pages = 0;
    const { client, socket } = await somebody({
      answers: async (_, path) => {
        if (path.includes("/events")) {
          return [200, { events: [message(6), message(7)], seq: 7, more: false }];
        }
        pages += 1;
        if (isFirst) return [200, { messages: [message(5), message(4)], seq: 5, more: true }];
        if (pages === 1) {
          await client.untilReady();
          return [200, { messages: [message(4), message(3)], seq: 5, more: true }];
        }
        return [200, { messages: [7, 6, 5, 4].map((seq) => message(seq)), seq: 7, more: true }];
      },
    });
    const chat = client.chat("c");
    const loading = chat.load();
    await long();
    socket().hear({ ...READY, chats: { c: 7, d: 3 } });
    await loading;
    await long();
    socket().hear(message(8));
    same([chat.messages.map(({ seq }) => seq), client.cursor("d")], [[4, 5, 6, 7, 8], 3]);
  }
});

/** A client, a chat with a history of `head` messages, and a way to say more. */
async function history(head) {
  const made = { head, pages: 0 };
  const { client, socket } = await somebody({
    answers: (_, path) => {
      made.pages += 1;
      const wanted = new URL(path, "http://x").searchParams;
      const first = Number(wanted.get("before") ?? made.head + 1) - 1;
      const last = Math.max(1, first - wanted.get("limit") + 1);
      const messages = [];
      for (let seq = first; seq >= last; seq -= 1) messages.push(message(seq));
      return [200, { messages, seq: made.head, more: last > 1 }];
    },
  });
  socket().hear({ ...READY, chats: { c: head } });
  made.chat = client.chat("c");
  made.say = (count) => {
    const said = Array.from({ length: count }, (_, n) => message(made.head + n + 1));
    made.head += count;
    socket().hear(...said);
  };
  return made;
}

rule("the oldest of very many messages are dropped, and can be loaded again", async () => {
  const { chat, say } = await history(1);
  await chat.load();
  say(5_500);
  same([chat.messages.length, chat.messages[0].seq, chat.hasOlder], [5_000, 502, true]);
  await chat.loadOlder();
  same([chat.messages.length, chat.messages[0].seq, chat.hasOlder], [5_050, 452, true]);
});

rule("a history is loaded to its first message while people talk", async () => {
  const made = await history(9_000);
  const { chat, say } = made;
  await chat.load(500);
  while (chat.hasOlder && made.pages < 50) {
    say(1);
    await chat.loadOlder(500);
  }
  same([made.pages, chat.messages.length], [18, 9_017]);
  say(500);
  same([chat.messages.length, chat.hasOlder], [9_517, false]);
  say(1);
  same([chat.messages.length, chat.messages[0].seq, chat.hasOlder], [9_017, 502, true]);
});

rule("after a load that failed the next call loads the newest page", async () => {
  let answer;
  const { calls, client, socket } = await somebody({ answers: () => answer });
  socket().hear(READY);
  const chat = client.chat("c");
  for (const load of ["loadOlder", "load"]) {
    answer = [500, { code: "internal", detail: "No." }];
    same((await chat.load().catch((error) => error)).code, "internal");
    same(chat.messages, []);
    answer = [200, { messages: [message(5), message(4)], seq: 5, more: true }];
    same((await chat[load]()).map(({ seq }) => seq), [4, 5]);
    same([calls.at(-1)[1], chat.hasOlder], ["/api/chat/c/message?limit=50", true]);
  }
});

rule("after a load whose second page failed the next call loads the newest", async () => {
  const page = (...seqs) => [200, {
    messages: seqs.map((seq) => message(seq)), seq: seqs[0], more: true,
  }];
  const answers = [page(4), [500, { code: "internal" }], page(5, 4)]; // the first one is old
  const { client, socket } = await somebody({ answers: () => answers.shift() });
  socket().hear(READY);
  const chat = client.chat("c");
  same((await chat.load().catch((error) => error)).status, 500);
  await chat.loadOlder();
  same([chat.messages.map(({ seq }) => seq), chat.hasOlder], [[4, 5], true]);
});
