import { Chat } from "/web/state/chat.js";
import { beside, sectionsOf } from "/web/side/sections.js";
import { rule, same } from "./checks.js";

const AT = "2026-01-02T10:00:00.000Z";

/** A chat as in the list: read up to `read`, with these counts above it. */
function chatOf({ seq, read, unread = 0, mentions = 0, last = null }) {
  const chat = new Chat("c", "me", seq);
  chat.describe(said({ seq, read, unread, mentions, last }));
  return chat;
}

function said({ seq, read, unread = 0, mentions = 0, last = null, ...own }) {
  return {
    chatName: "Chat", participants: ["me", "bob"], participantCount: 2, owner: "bob", kind: "group",
    seq, last, mine: { read, unread, mentions, notify: "all", archived: false, ...own },
  };
}

function message(seq, rest = {}) {
  const base = { type: "message", chat: "c", seq, at: AT, by: "bob", messageId: `m${seq}` };
  return { ...base, message: `${seq}`, ...rest };
}

function changed(seq, of, rest) {
  return { chat: "c", seq, at: AT, by: "bob", messageId: `m${of}`, of, ...rest };
}

const counts = (chat) => [chat.unread, chat.mentions, chat.isMiscounted];

rule("what others write is unread, one's own is not, and a mention counts as one", () => {
  const chat = chatOf({ seq: 10, read: 8, unread: 2 });
  chat.apply(message(11));
  chat.apply(message(12, { by: "me" }));
  chat.apply(message(13, { mentions: ["me", "dan"] }));
  same(counts(chat), [4, 1, false]);
});

rule("what the list has counted already is not counted again when its events come", () => {
  const chat = new Chat("c", "me", 10);
  chat.describe(said({ seq: 10, read: 8, unread: 3, last: message(12) }));
  chat.apply(message(11, { by: "me" }));
  chat.apply(message(12));
  same(counts(chat), [3, 0, false]);
  chat.apply(message(13));
  same(counts(chat), [4, 0, false]);
});

rule("a list that is older than what has come since is added to, not believed", () => {
  const chat = chatOf({ seq: 10, read: 10 });
  for (const seq of [11, 12]) chat.apply(message(seq));
  chat.describe(said({ seq: 11, read: 10, unread: 1, last: message(11) }));
  same([...counts(chat), chat.latest.seq], [2, 0, false, 12]);
});

rule("what is deleted or no longer mentions is taken off, where it is known", () => {
  const chat = chatOf({ seq: 10, read: 10 });
  chat.apply(message(11, { mentions: ["me"] }));
  chat.apply(message(12, { mentions: ["me"] }));
  chat.apply(changed(13, 11, { type: "message.edited", message: "no more" }));
  same(counts(chat), [2, 1, false]);
  chat.apply(changed(14, 12, { type: "message.deleted" }));
  same(counts(chat), [1, 0, false]);
  chat.apply(changed(15, 11, { type: "message.edited", message: "again", mentions: ["me"] }));
  same(counts(chat), [1, 1, false]);
});

rule("a change of what is not known here leaves the counting to the server", () => {
  const chat = chatOf({ seq: 10, read: 5, unread: 4 });
  chat.apply(changed(11, 3, { type: "message.deleted" })); // the message had been read
  same(counts(chat), [4, 0, false]);
  chat.apply(changed(12, 7, { type: "message.deleted" }));
  same(counts(chat), [4, 0, true]);
  chat.describe(said({ seq: 12, read: 5, unread: 3 }));
  same(counts(chat), [3, 0, false]);
});

rule("an answer from before such a change does not settle it", () => {
  const chat = chatOf({ seq: 10, read: 5, unread: 4 });
  chat.apply(changed(11, 7, { type: "message.deleted" }));
  chat.describe(said({ seq: 10, read: 5, unread: 4 }));
  same(chat.isMiscounted, true);
});

rule("reading to the end leaves nothing; back to what is loaded is counted here", () => {
  const chat = chatOf({ seq: 10, read: 10 });
  for (const seq of [11, 12, 13]) chat.apply(message(seq, { mentions: seq === 12 ? ["me"] : [] }));
  chat.readTo(13);
  same(counts(chat), [0, 0, false]);
  chat.readTo(11);
  same(counts(chat), [2, 1, false]);
});

rule("a marker among what is not loaded leaves the counting to the server", () => {
  const chat = chatOf({ seq: 100, read: 20, unread: 80 });
  chat.readTo(50);
  same([chat.read, chat.isMiscounted], [50, true]);
});

rule("nobody counts further than 100, and what is taken off then is the server's to say", () => {
  const chat = chatOf({ seq: 10, read: 10 });
  for (let seq = 11; seq < 200; seq += 1) chat.apply(message(seq));
  same(counts(chat), [100, 0, false]);
  chat.apply(changed(200, 150, { type: "message.deleted" }));
  same(counts(chat), [100, 0, true]);
});

rule("what asks for attention is what one wants to hear of", () => {
  const chat = chatOf({ seq: 10, read: 5, unread: 4, mentions: 1 });
  const waiting = (mine) => {
    chat.mine = { notify: "all", archived: false, ...mine };
    return chat.waiting;
  };
  same([waiting({}), waiting({ notify: "mentions" }), waiting({ notify: "none" }),
    waiting({ archived: true })], [4, 1, 0, 0]);
});

rule("a new message brings an archived chat back, and an older list does not put it away", () => {
  const chat = chatOf({ seq: 10, read: 10, last: message(10) });
  chat.mine = { notify: "none", archived: true };
  chat.apply(message(11));
  same(chat.mine, { notify: "none", archived: false });
  chat.describe(said({ seq: 10, read: 10, last: message(10), archived: true }));
  same(chat.mine.archived, false);
});

const listed = (name, waiting, mine = {}) => (
  { name, waiting, isDirect: name.startsWith("d"), mine: { archived: false, ...mine } }
);
const namesOf = (sections) => sections.map(({ name, chats }) => [name, ...chats.map((c) => c.name)]);

rule("unread chats stand first if one wants, archived ones last, and none is twice", () => {
  const chats = [listed("a", 0), listed("b", 2), listed("d", 0), listed("e", 1),
    listed("f", 0, { archived: true })];
  const isDirect = (chat) => chat.isDirect;
  same(namesOf(sectionsOf(chats, { open: chats[3], isDirect })),
    [["Unread", "b"], ["Chats", "a", "e"], ["Direct", "d"], ["Archived", "f"]]);
  same(namesOf(sectionsOf(chats, { open: null, isDirect, isUnreadFirst: false })),
    [["Chats", "a", "b", "e"], ["Direct", "d"], ["Archived", "f"]]);
});

rule("keys lead through the chats that are not put away, or through the unread ones around", () => {
  const chats = [listed("a", 1), listed("b", 0), listed("c", 3), listed("d", 0)];
  const away = listed("e", 0, { archived: true });
  const sections = [{ name: "Chats", chats }, { name: "Archived", chats: [away] }];
  const step = (at, by, only) => beside(sections, chats[at], by, only)?.name;
  same([step(0, 1), step(3, 1), step(2, -1), step(0, 1, true), step(2, 1, true), step(3, 1, true)],
    ["b", undefined, "b", "c", "a", "a"]);
});
