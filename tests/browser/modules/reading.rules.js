import { MOST_EVENTS_SHOWN, LogWindow } from "/web/log-window.js";
import { piecesOf } from "/web/prose.js";
import { lettersOf } from "/web/element.js";
import { madeAt, newId } from "/web/ids.js";
import { isolated, listed, membersInWords, noteOf, titleOf } from "/web/words.js";
import { rule, same } from "./checks.js";

const nameOf = (id) => id;

rule("only http and https addresses are links", () => {
  const text = "see https://a.example/x?y=1, javascript:alert(1) data:x ftp://b HTTP://c.example.";
  const links = piecesOf(text).filter((piece) => piece.kind === "link").map((piece) => piece.text);
  same(links, ["https://a.example/x?y=1", "HTTP://c.example"]);
});

rule("a bracket that an address opened belongs to it, one around it does not", () => {
  same(piecesOf("(https://a.example/b_(c))")[1].text, "https://a.example/b_(c)");
  same(piecesOf("(https://a.example/b)")[1].text, "https://a.example/b");
});

rule("the pieces of a text are all of it, in order", () => {
  const written = ({ kind, text }) => (kind === "code" ? `\`${text}\`` : text);
  for (const text of ["", "a", "`b` and `c", "``", "x `https://a.example` y", "http://a.example"]) {
    same(piecesOf(text).map(written).join(""), text);
  }
});

rule("the window opens at the end and walks back and forth without growing over its bound", () => {
  const timeline = { first: 1, cursor: 1_000 };
  const view = new LogWindow();
  const size = () => (view.to ?? timeline.cursor) - view.from + 1;
  view.toEnd(timeline);
  same([view.from, view.atEnd], [901, true]);
  while (view.back(timeline)) same(size() <= MOST_EVENTS_SHOWN, true);
  same([view.from, view.atEnd], [1, false]);
  for (let step = 0; step < 30; step += 1) {
    view.forth(timeline);
    same(size() <= MOST_EVENTS_SHOWN, true);
  }
  same(view.atEnd, true);
});

rule("new events push old ones out for who follows, and wait for who reads further up", () => {
  const view = new LogWindow();
  view.toEnd({ first: 1, cursor: 100 });
  view.settle({ first: 1, cursor: 600 }, true);
  same([view.from, view.atEnd], [401, true]);
  view.settle({ first: 1, cursor: 900 }, false);
  same([view.from, view.to], [401, 800]);
});

rule("the window opens far enough back to hold the first unread message", () => {
  const view = new LogWindow();
  view.toEnd({ first: 1, cursor: 1_000 }, 800);
  same(view.from, 775);
});

rule("an avatar has at most two letters, in any script, and never nothing", () => {
  same(["ann", "Summer party", "book_club", "", "🎉", "صيف في", "a"].map(lettersOf),
    ["AN", "SP", "BC", "#", "#", "صف", "A"]);
});

rule("an id made here is a UUID of version 4, and a version 7 tells when it was made", () => {
  same(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(newId()), true);
  same(madeAt("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"), 0x017f22e279b0);
});

rule("a chat of two named after both carries the other one's name, any other keeps its own", () => {
  const chat = { chatName: "ann, bob", participants: ["bob", "ann"], participantCount: 2 };
  same(titleOf(chat, "ann", nameOf), "bob");
  same(titleOf({ ...chat, chatName: "Kitchen" }, "ann", nameOf), "Kitchen");
  const three = { ...chat, participants: ["ann", "bob", "c"], participantCount: 3 };
  same(titleOf(three, "ann", nameOf), "ann, bob");
});

rule("people are listed in words", () => {
  same(listed(["ann"]), "ann");
  same(listed(["ann", "bob", "cleo"]), "ann, bob and cleo");
  const chat = { participants: ["a", "b", "me", "c", "d", "e"], participantCount: 40 };
  same(membersInWords(chat, "me", nameOf), "a, b, c, d, 35 more and you");
  same(membersInWords({ participants: ["me"], participantCount: 1 }, "me", nameOf), "Only you");
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
