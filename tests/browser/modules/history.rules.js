import { Chat } from "/web/state/chat.js";
import { History } from "/web/state/history.js";
import { rule, same } from "./checks.js";

const AT = "2026-01-02T10:00:00.000Z";

/** A log in which every third event is a rename and every fifth an edit of the message before. */
function logOf(count) {
  const events = [];
  for (let seq = 1; seq <= count; seq += 1) {
    const base = { chat: "c", seq, at: AT, by: "bob" };
    const last = events.findLast((event) => event.type === "message");
    if (seq % 3 === 0) events.push({ ...base, type: "chat.updated", chatName: `${seq}` });
    else if (seq % 5 === 0) {
      events.push({ ...base, type: "message.edited", of: last.seq, message: `edited ${seq}` });
    } else events.push({ ...base, type: "message", messageId: `m${seq}`, message: `${seq}` });
  }
  return events;
}

/** The two calls as the server answers them, over a log. */
function serverOf(events) {
  const current = () => events.filter((event) => event.type === "message").map((message) => {
    const edit = events.findLast((event) => event.of === message.seq);
    return edit ? { ...message, message: edit.message, editedAt: AT } : message;
  });
  return {
    asked: 0,
    async messages(id, { before = Infinity, after, limit }) {
      this.asked += 1;
      const all = current().filter(({ seq }) => seq < before && seq > (after ?? 0));
      const page = after === undefined ? all.slice(-limit) : all.slice(0, limit);
      const more = page.length < all.length;
      return { messages: page.toReversed(), more, seq: events.length };
    },
    async events(id, after, limit) {
      this.asked += 1;
      const page = events.slice(after, after + limit);
      return { events: page, seq: events.length, more: after + page.length < events.length };
    },
  };
}

const seqs = (chat) => chat.timeline.tail.items.map((item) => item.seq);
const shown = (count) => logOf(count).filter((event) => event.of === undefined)
  .map((event) => event.seq);

rule("the tail holds the newest messages, what happened between them, and the edits", async () => {
  const api = serverOf(logOf(400));
  const chat = new Chat("c", "me", 400);
  await new History({ api }).before(chat, 401);
  same(seqs(chat), shown(400).filter((seq) => seq >= seqs(chat)[0]));
  same(chat.timeline.messageAt(397).message, "397");
  same(chat.timeline.messageAt(394).message, "edited 395");
});

rule("page after page leads back to the beginning, without a gap", async () => {
  const api = serverOf(logOf(400));
  const chat = new Chat("c", "me", 400);
  const history = new History({ api });
  await history.before(chat, 401);
  while (chat.timeline.tail.from > 1) await history.before(chat, chat.timeline.tail.from);
  same([chat.timeline.stretches.length, ...seqs(chat)], [1, ...shown(400)]);
});

rule("around a seq there is a stretch of its own that grows towards the tail", async () => {
  const api = serverOf(logOf(600));
  const chat = new Chat("c", "me", 600);
  const history = new History({ api });
  await history.before(chat, 601);
  await history.around(chat, 200);
  const stretch = chat.timeline.stretchAt(200);
  same([stretch === chat.timeline.tail, stretch.from < 200, stretch.to > 200], [false, true, true]);
  while (chat.timeline.stretches.length > 1) {
    await history.after(chat, chat.timeline.stretches[0].to);
  }
  same(seqs(chat), shown(600).filter((seq) => seq >= stretch.from));
});

rule("a chat of messages alone asks for nothing but them", async () => {
  const events = Array.from({ length: 90 }, (_, n) => ({
    type: "message", chat: "c", seq: n + 1, at: AT, by: "bob", messageId: `m${n}`, message: `${n}`,
  }));
  const api = serverOf(events);
  const chat = new Chat("c", "me", 90);
  const history = new History({ api });
  await history.before(chat, 91);
  await history.before(chat, 41);
  same([api.asked, seqs(chat).length], [2, 90]);
});

rule("a page is asked for once, however often it is wanted meanwhile", async () => {
  const api = serverOf(logOf(90));
  const chat = new Chat("c", "me", 90);
  const history = new History({ api });
  await Promise.all([history.before(chat, 91), history.before(chat, 91)]);
  same(api.asked, 1);
  await Promise.all([history.before(chat, 40), history.before(chat, 40)]);
  same(api.asked, 3); // the messages, and the events between them
});

rule("a chat opens at an unread message that is not far back with one request", async () => {
  const api = serverOf(logOf(400));
  const chat = new Chat("c", "me", 400);
  await new History({ api }).around(chat, 301);
  same([api.asked, seqs(chat).at(-1)], [1, 399]);
  same(seqs(chat)[0] < 295, true);
});
