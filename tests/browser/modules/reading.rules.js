import { LogWindow, MOST_SHOWN } from "/web/log/log-window.js";
import { isEmojiAlone } from "/web/text/emoji.js";
import { blocksOf, plainOf } from "/web/text/prose.js";
import { lettersOf } from "/web/parts/element.js";
import { madeAt, newId } from "/web/client/ids.js";
import { dayAndTime, dayName } from "/web/text/days.js";
import { membersInWords } from "/web/open-chat/bar.js";
import { nameForPeople } from "/web/text/people-words.js";
import { isolated, listed, noteOf, titleOf } from "/web/text/words.js";
import { rule, same } from "./checks.js";

const nameOf = (id) => id;

rule("every case of a text's form holds, and so does its form in one line", async () => {
  for (const { text, blocks, plain } of await (await fetch("/cases/prose_cases.json")).json()) {
    same([text, blocksOf(text)], [text, blocks]);
    same([text, plainOf(text)], [text, plain]);
  }
});

rule("each line of a run of empty quotes is looked at a few times, not once for each other", () => {
  const { exec } = RegExp.prototype;
  let looks = 0;
  RegExp.prototype.exec = function counted(text) {
    looks += 1;
    return exec.call(this, text);
  };
  try {
    blocksOf(">\n".repeat(1_000));
  } finally {
    RegExp.prototype.exec = exec;
  }
  same(looks < 10_000, true);
});

rule("one to three emoji alone are large, four or a word beside them are not", () => {
  same(["🎉", "🎶🍉", "👩‍👩‍👧‍👦 🏳️‍🌈 😀", "👍🏽\n", "🎉🎉🎉🎉", "ok 👍", "1", "", "©"].map(isEmojiAlone),
    [true, true, true, true, false, false, false, false, false]);
});

const items = (from, to) => Array.from({ length: to - from + 1 }, (_, n) => ({ seq: from + n }));

rule("the window opens at the end and walks back and forth without growing over its bound", () => {
  const all = items(1, 1_000);
  const view = new LogWindow();
  const shown = () => view.slice({ from: 1, items: all }).items;
  view.toEnd(all);
  same([shown()[0].seq, view.atEnd], [941, true]);
  while (view.back(all, true)) same(shown().length <= MOST_SHOWN, true);
  same([shown()[0].seq, view.atEnd], [1, false]);
  for (let step = 0; step < 30; step += 1) {
    view.forth(all, true);
    same(shown().length <= MOST_SHOWN, true);
  }
  same(view.atEnd, true);
});

rule("new items push old ones out for who follows, and wait for who reads further up", () => {
  const view = new LogWindow();
  view.toEnd(items(1, 60));
  view.settle(items(1, 400), true);
  same([view.from, view.atEnd], [251, true]);
  view.settle(items(1, 900), false);
  same([view.from, view.to], [251, 550]);
});

rule("the window opens far enough back to hold the first unread message", () => {
  const view = new LogWindow();
  view.toEnd(items(1, 1_000), 800);
  same(view.from, 775);
});

rule("the window around a seq has its surroundings, and reaches the end only of the tail", () => {
  const view = new LogWindow();
  view.around(items(1, 100), 90, false);
  same([view.from, view.to], [65, 100]);
  same(view.forth(items(1, 100), false), false);
  view.around(items(1, 100), 90, true);
  same(view.atEnd, true);
});

rule("a window that opened on nothing begins with the first that comes", () => {
  const view = new LogWindow();
  view.toEnd([]);
  view.settle(items(90, 100), true);
  same(view.slice({ from: 51, items: items(51, 100) }).items.length, 11);
});

rule("items that come in before the window do not move it, and say where its knowledge begins", () => {
  const view = new LogWindow();
  view.toEnd(items(50, 60));
  same(view.slice({ from: 41, items: items(41, 60) }).items[0].seq, 50);
  same(view.slice({ from: 41, items: items(41, 60) }).from, 50);
  same(view.slice({ from: 33, items: items(50, 60) }).from, 33);
});

rule("an avatar has at most two letters, in any script, and never nothing", () => {
  same(["ann", "Summer party", "book_club", "", "🎉", "صيف في", "a"].map(lettersOf),
    ["AN", "SP", "BC", "#", "#", "صف", "A"]);
});

rule("an id made here is a UUID of version 4, and a version 7 tells when it was made", () => {
  same(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(newId()), true);
  same(madeAt("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"), 0x017f22e279b0);
});

rule("a direct chat carries the other one's name, any other its own", () => {
  const chat = { kind: "direct", chatName: "", participants: ["bob", "ann"], participantCount: 2 };
  same(titleOf(chat, "ann", nameOf), "bob");
  same(titleOf({ ...chat, kind: "group", chatName: "ann, bob" }, "ann", nameOf), "ann, bob");
});

rule("a day is written large where it begins a line alone", () => {
  const now = Date.parse("2026-06-04T14:31:00");
  const at = new Date(now).toISOString();
  same(dayAndTime(at, now).split(" ")[0], "today");
  same(dayAndTime(at, now, { begins: true }).split(" ")[0], "Today");
  same([dayName("2026-06-04", now), dayName("2026-06-03", now)], ["Today", "Yesterday"]);
});

rule("people are listed in words", () => {
  same(listed(["ann"]), "ann");
  same(listed(["ann", "bob", "cleo"]), "ann, bob and cleo");
  same(listed(["ann", "bob"], 3), "ann, bob and 1 other");
  same(listed(["ann", "bob"], 6), "ann, bob and 4 others");
  const long = "a".repeat(100);
  same(nameForPeople([long, long]), `${long} and 1 other`);
  same(nameForPeople([long, long, "bob"]), `${long} and 2 others`);
  const chat = { participants: ["a", "b", "me", "c", "d", "e"], participantCount: 40 };
  same(membersInWords(chat, "me", nameOf), "a, b, c, d, 35 more and you");
  same(membersInWords({ participants: ["me"], participantCount: 1 }, "me", nameOf), "Only you so far");
});

rule("every event of the contract that is no message is a sentence", () => {
  const say = (event) => noteOf({ by: "ann", ...event }, nameOf);
  same([
    say({ type: "chat.created", seq: 1 }),
    say({ type: "chat.created", seq: 9 }),
    say({ type: "chat.updated", seq: 2, chatName: "X" }),
    say({ type: "participant.added", seq: 3, users: ["bob", "cleo"] }),
    say({ type: "participant.removed", seq: 4, users: ["bob"] }),
    say({ type: "participant.removed", seq: 5, users: ["ann"] }),
    say({ type: "chat.deleted", seq: 6 }),
  ], [
    "ann started the chat", "ann added you", `ann named the chat ${isolated("X")}`,
    "ann added bob and cleo", "ann removed bob", "ann left", "ann deleted the chat",
  ]);
});

rule("a chat that is called as before has another topic, or none", () => {
  const changed = (chatName, topic, before) => noteOf(
    { type: "chat.updated", seq: 3, by: "ann", chatName, topic }, nameOf, before,
  );
  const before = { type: "chat.created", chatName: "X", topic: "lunch" };
  same([
    changed("X", "tea", before), changed("X", undefined, before), changed("Y", "lunch", before),
    changed("Y", "tea", before), changed("X", "lunch", before), changed("X", "lunch", null),
  ], [
    `ann set the topic: ${isolated("tea")}`, "ann removed the topic",
    `ann named the chat ${isolated("Y")}`,
    `ann named the chat ${isolated("Y")}, about ${isolated("tea")}`,
    `ann named the chat ${isolated("X")}`,
    `ann named the chat ${isolated("X")}, about ${isolated("lunch")}`,
  ]);
});
