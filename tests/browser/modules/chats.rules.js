import { Chats } from "/web/state/chats.js";
import { NotFound, NoAnswer } from "/web/client/errors.js";
import { StandingClock, rule, same, settle } from "./checks.js";

const message = (seq, chat = "c") => ({
  type: "message", chat, seq, at: `2026-01-01T10:00:${String(seq % 60).padStart(2, "0")}.000Z`,
  by: "bob", messageId: `m${seq}`, message: `text ${seq}`,
});
const detailOf = (id, seq) => ({
  id, kind: "group", chatName: id, participants: ["me", "bob"], participantCount: 2, owner: "me",
  seq, mine: { notify: "all", archived: false, read: seq, unread: 0, mentions: 0 },
});
const ready = (chats, rest = {}) => ({
  type: "ready", user: "me", epoch: "one", chats, behind: [], read: {}, pingSeconds: 25, ...rest,
});

/** All chats of a user; `heads` are the ends of the server's logs, `api` answers requests. */
function somebody(heads) {
  const clock = new StandingClock();
  const asked = [];
  const heard = { applied: [], left: [], met: [] };
  const api = {
    failing: null,
    async events(id, after, limit) {
      asked.push(`events ${id} ${after}`);
      if (api.failing) throw api.failing;
      const last = Math.min(heads[id], after + limit);
      const events = [];
      for (let seq = after + 1; seq <= last; seq += 1) events.push(message(seq, id));
      return { events, seq: heads[id], more: last < heads[id] };
    },
    async chat(id) {
      asked.push(`chat ${id}`);
      return detailOf(id, heads[id]);
    },
  };
  const chats = new Chats({
    me: "me", api, clock, random: () => 0.5, tellRead: () => true,
    marks: { chats: () => [], draftOf: () => "", saveChat() {}, saveDraft() {}, forget() {} },
    logs: { began() {}, isForeign: () => false, changed() {}, open: async () => false, forget() {} },
    hear: {
      changed() {},
      met: ({ id }) => heard.met.push(id),
      applied: (_, { seq }) => heard.applied.push(seq),
      left: ({ id }) => heard.left.push(id),
    },
  });
  const list = (...ids) => chats.load({ chats: ids.map((id) => detailOf(id, heads[id])), next: null });
  const connect = (rest) => {
    chats.hello();
    chats.ready(ready({ ...heads }, rest), 0);
  };
  return { api, asked, chats, clock, connect, heard, heads, list };
}

rule("what the list says is where a chat begins; events go on from there", async () => {
  const { asked, chats, connect, heard, list } = somebody({ c: 5 });
  await list("c");
  same(chats.hello(), { resume: { c: 5 } });
  connect();
  chats.frame(message(6));
  chats.frame(message(6));
  same([heard.applied, chats.get("c").timeline.cursor, asked], [[6], 6, []]);
});

rule("a gap is filled, and what came meanwhile follows in its order", async () => {
  const { asked, chats, connect, heads, heard, list } = somebody({ c: 5 });
  await list("c");
  connect();
  heads.c = 8;
  chats.frame(message(8));
  same([chats.catchingUp, heard.applied], [true, []]);
  await settle();
  same([heard.applied, asked, chats.catchingUp], [[6, 7, 8], ["events c 5"], false]);
  same(chats.get("c").timeline.tail.items.map(({ seq }) => seq), [6, 7, 8]); // everything is loaded
});

rule("a page that does not come is asked for again", async () => {
  const { api, chats, clock, connect, heads, heard, list } = somebody({ c: 5 });
  await list("c");
  connect();
  heads.c = 7;
  api.failing = new NoAnswer("cut");
  chats.frame(message(7));
  await settle();
  same([heard.applied, chats.catchingUp], [[], true]);
  api.failing = null;
  await clock.pass(2_000);
  await settle();
  same([heard.applied, chats.catchingUp], [[6, 7], false]);
});

rule("a chat that is behind is filled page by page, or skipped where that would be too much", async () => {
  const { asked, chats, connect, heads, heard, list } = somebody({ c: 5, far: 5 });
  await list("c", "far");
  connect();
  Object.assign(heads, { c: 405, far: 2_000 });
  connect({ behind: ["c", "far"] });
  for (let turn = 0; turn < 5; turn += 1) await settle();
  same(asked.sort(), ["chat far", "events c 205", "events c 5"]);
  same([heard.applied.length, chats.get("c").timeline.cursor], [400, 405]);
  same([chats.get("far").timeline.cursor, chats.get("far").timeline.isEmpty], [2_000, true]);
});

rule("however many chats are behind, few pages are asked for at once, and failing ones rest", async () => {
  const heads = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`c${at}`, 5]));
  const { api, asked, chats, clock, connect, heard, list } = somebody(heads);
  await list(...Object.keys(heads));
  connect();
  api.failing = new NoAnswer("cut");
  for (const id of Object.keys(heads)) heads[id] = 6;
  connect({ behind: Object.keys(heads) });
  await settle();
  same(asked.length, 8);
  await clock.pass(1_999);
  same(asked.length, 8);
  await clock.pass(1);
  same([asked.length, new Set(asked).size], [16, 16]); // others have their turn
  const open = chats.get(Object.keys(heads).find((id) => !asked.some((one) => one.includes(`${id} `))));
  chats.look(open);
  await settle();
  same([asked.length, asked.at(-1)], [17, `events ${open.id} 5`]); // the open chat does not wait
  api.failing = null;
  await clock.pass(2_000);
  for (let turn = 0; turn < 10; turn += 1) await settle();
  same([heard.applied.length, chats.catchingUp], [20, false]);
});

rule("a restored history begins at its heads, and what chats are is asked again", async () => {
  const { asked, chats, connect, heads, list } = somebody({ c: 5 });
  await list("c");
  connect();
  chats.frame(message(6));
  heads.c = 3;
  connect({ epoch: "two" });
  await settle();
  same([chats.get("c").timeline.cursor, asked, chats.hello()],
    [3, ["chat c"], { resume: { c: 3 }, epoch: "two" }]);
});

rule("a head below what was resumed means that the log has lost something", async () => {
  const { asked, chats, connect, heads, list } = somebody({ c: 5 });
  await list("c");
  connect();
  heads.c = 4;
  connect();
  await settle();
  same([chats.get("c").timeline.cursor, asked], [4, ["chat c"]]);
});

rule("a chat that nobody knew is met where it ends, and asked what it is", async () => {
  const { asked, chats, connect, heads, heard, list } = somebody({ c: 5 });
  await list("c");
  connect();
  heads.d = 9;
  connect();
  await settle();
  same([heard.met, chats.get("d").timeline.cursor, asked], [["c", "d"], 9, ["chat d"]]);
  heads.e = 4;
  chats.frame(message(4, "e"));
  await settle();
  same([heard.applied, asked.at(-1), chats.get("e").detail.chatName], [[4], "chat e", "e"]);
});

for (const pageSize of [3, 1]) {
  rule(`who was removed and added again still has the chat, with ${pageSize} a page`, async () => {
    const { api, chats, connect, heads, heard, list } = somebody({ c: 5 });
    await list("c");
    connect();
    heads.c = 8;
    const change = { chat: "c", at: "t", by: "bob", users: ["me"] };
    const events = [
      { ...change, type: "participant.removed", seq: 6, owner: "bob" },
      message(7),
      { ...change, type: "participant.added", seq: 8 },
    ];
    api.events = async (_, after) => {
      const page = events.slice(after - 5, after - 5 + pageSize);
      return { events: page, seq: 8, more: page.at(-1).seq < 8 };
    };
    connect({ behind: ["c"] });
    for (let turn = 0; turn < 5; turn += 1) await settle();
    same([heard.left, chats.get("c")?.timeline.cursor, chats.hello()],
      [[], 8, { resume: { c: 8 }, epoch: "one" }]);
  });
}

rule("who is added finds the chat as the snapshot says, read up to there", async () => {
  const { chats, connect, heads, heard, list } = somebody({ c: 5 });
  await list("c");
  connect();
  heads.d = 7;
  const { id: _, ...detail } = detailOf("d", 7);
  chats.frame({ type: "chat.created", chat: "d", at: "t", by: "bob", ...detail, mine: undefined });
  chats.frame(message(8, "d"));
  same([heard.applied, chats.get("d").unread, chats.get("d").detail.chatName], [[7, 8], 1, "d"]);
});

rule("a removal ends a chat, as do a list without it and an answer that knows none", async () => {
  const { api, chats, connect, heads, heard, list } = somebody({ a: 5, b: 5, c: 5 });
  await list("a", "b", "c");
  connect();
  chats.frame({ type: "participant.removed", chat: "a", seq: 6, at: "t", by: "bob", users: ["me"] });
  same([heard.applied, heard.left], [[6], ["a"]]);
  api.failing = new NotFound(404, "not_found");
  chats.frame(message(9, "b"));
  await settle();
  same(heard.left, ["a", "b"]);
  delete heads.a;
  delete heads.b;
  delete heads.c;
  connect();
  same([heard.left, chats.hello().resume], [["a", "b", "c"], {}]);
});

rule("who is removed and added again while a gap is filled keeps the chat", async () => {
  const { api, asked, chats, clock, connect, heads, heard, list } = somebody({ c: 5 });
  await list("c");
  connect();
  api.failing = new NoAnswer("cut");
  heads.c = 6;
  chats.frame(message(7));
  const { id: _, mine: __, ...detail } = detailOf("c", 9);
  chats.frame({ type: "participant.removed", chat: "c", seq: 8, at: "t", by: "bob", users: ["me"] });
  chats.frame({ type: "chat.created", chat: "c", at: "t", by: "bob", ...detail });
  await settle();
  api.failing = null;
  await clock.pass(2_000);
  await settle();
  same([heard.applied, heard.left, asked.at(-1)], [[6, 7, 8, 9], [], "chat c"]);
});

rule("so does who was added again before the server refused what is missing", async () => {
  const { api, asked, chats, connect, heads, heard, list } = somebody({ c: 5, d: 5 });
  await list("c", "d");
  connect();
  const removed = { type: "participant.removed", seq: 8, at: "t", by: "bob", users: ["me"] };
  const { id: _, mine: __, ...detail } = detailOf("c", 9);
  api.failing = new NotFound(404, "not_found");
  for (const chat of ["c", "d"]) {
    chats.frame(message(7, chat));
    chats.frame({ ...removed, chat });
  }
  chats.frame({ type: "chat.created", chat: "c", at: "t", by: "bob", ...detail });
  heads.c = 9;
  await settle();
  same([heard.applied, heard.left, asked.at(-1)], [[9], ["d"], "chat c"]);
  same(chats.get("c").timeline.cursor, 9);
});

rule("what the list knows and the socket has not told is fetched where somebody has looked", async () => {
  const { asked, chats, connect, heads, heard, list } = somebody({ c: 5 });
  await list("c");
  connect();
  chats.frame(message(6));
  heads.c = 9;
  await list("c");
  await settle();
  same([asked, heard.applied], [["events c 6"], [6, 7, 8, 9]]);
});

rule("a chat that the server could not mark as unread is as read as before", async () => {
  const { api, chats, connect, list } = somebody({ c: 5 });
  await list("c");
  connect();
  const chat = chats.get("c");
  chats.look(chat);
  api.markUnread = async () => {
    throw new NoAnswer("gone");
  };
  const marking = chats.markUnread(chat, 4);
  same([chat.read, chat.isKeptUnread], [3, true]);
  same(await marking.catch(({ code }) => code), "unavailable");
  same([chat.read, chat.isKeptUnread, chat.newAfter], [5, false, null]);
});

rule("an answer about a person's own settings does not undo what was said after it", async () => {
  const { api, chats, connect, list } = somebody({ c: 5 });
  await list("c");
  connect();
  const chat = chats.get("c");
  for (const [answer, newer] of [
    [async () => ({ notify: "none", archived: true }), { notify: "none", archived: false }],
    [async () => Promise.reject(new NoAnswer("gone")), { notify: "mentions", archived: false }],
  ]) {
    api.changeMine = answer;
    const changing = chats.changeMine(chat, { archived: true }).catch(({ code }) => code);
    chats.frame({ type: "mine", chat: "c", ...newer });
    await changing;
    same(chat.mine, newer);
  }
});
