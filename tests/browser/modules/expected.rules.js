import { expected, hasReacted, isAs, isOutcome } from "/web/client/expected.js";
import { Timeline } from "/web/client/timeline.js";
import { rule, same } from "./checks.js";

const ME = "me";
const AT = "2026-01-02T10:00:00.000Z";
const message = { type: "message", chat: "c", seq: 1, at: AT, by: ME, messageId: "m1", message: "a" };
const edit = { kind: "edit", of: 1, messageId: "m1", at: AT, text: "b" };
const react = { kind: "react", of: 1, messageId: "m1", at: AT, emoji: "👍", isOn: true };
const remove = { kind: "delete", of: 1, messageId: "m1", at: AT };
const thumbs = [{ emoji: "👍", count: 1, users: [ME] }];

function event(seq, type, rest = {}) {
  return { type, chat: "c", seq, at: AT, by: ME, messageId: "m1", of: 1, ...rest };
}

rule("a message is shown as it will be, and as it is when nothing waits", () => {
  same(expected(message, [], ME), message);
  same(expected(message, [edit, react], ME),
    { ...message, message: "b", editedAt: AT, reactions: thumbs });
  same(expected(message, [remove], ME).deletedBy, ME);
  same(expected(message, [{ ...edit, of: 2 }], ME), message);
});

rule("a reaction that is there already is not counted twice, one that is not there not taken", () => {
  const liked = { ...message, reactions: thumbs };
  same(expected(liked, [react], ME), liked);
  same(expected(message, [{ ...react, isOn: false }], ME), message);
  same(expected(liked, [{ ...react, isOn: false }], ME), message);
  same([isAs(liked, react, ME), isAs(message, react, ME)], [true, false]);
});

rule("of a reaction by more people than are named, nobody knows whether one's own is among them", () => {
  const crowd = { emoji: "👍", count: 101, users: ["ann"] };
  const liked = { ...message, reactions: [crowd] };
  same([hasReacted(crowd, ME), hasReacted(crowd, "ann"), hasReacted(thumbs[0], "ann")],
    [null, true, false]);
  for (const isOn of [true, false, null]) same(isAs(liked, { ...react, isOn }, ME), true);
});

rule("a reaction that was refused is not shown, an edit that was refused is", () => {
  same(expected(message, [{ ...react, state: "failed" }], ME), message);
  same(expected(message, [{ ...edit, state: "failed" }], ME).message, "b");
});

rule("only one's own event of the same kind is what became of a change", () => {
  const added = event(2, "reaction.added", { emoji: "👍" });
  same([
    isOutcome(added, react, ME),
    isOutcome({ ...added, by: "bob" }, react, ME),
    isOutcome({ ...added, emoji: "🎉" }, react, ME),
    isOutcome(added, edit, ME),
    isOutcome(event(2, "message.edited", { message: "b" }), edit, ME),
    isOutcome(event(2, "message.edited", { message: "c" }), edit, ME),
    isOutcome(event(2, "message.edited", { message: "c" }), { ...edit, seq: 2 }, ME),
    isOutcome(event(2, "message.deleted"), remove, ME),
  ], [true, false, false, false, true, false, true, true]);
});

rule("a change goes when its event comes, before its answer or after it", () => {
  for (const isAnsweredFirst of [true, false]) {
    const timeline = new Timeline(ME, 0);
    timeline.apply(message);
    timeline.write({ ...edit, clientId: "k" });
    if (isAnsweredFirst) timeline.settle("k", 2);
    same(timeline.changing.length, 1);
    timeline.apply(event(2, "message.edited", { message: "b" }));
    timeline.settle("k", 2);
    same([timeline.changing, timeline.messageAt(1).message], [[], "b"]);
  }
});

rule("an answer to what is there already, or to what is not loaded, leaves nothing waiting", () => {
  const timeline = new Timeline(ME, 0);
  timeline.apply({ ...message, reactions: thumbs });
  timeline.write({ ...react, clientId: "k" });
  timeline.settle("k");
  timeline.write({ ...react, of: 9, clientId: "l" });
  timeline.settle("l");
  same(timeline.changing, []);
});
