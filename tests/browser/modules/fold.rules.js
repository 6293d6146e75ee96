import { changesMessage } from "/web/client/fold.js";
import { fold } from "/web/client/folded.js";
import { Timeline } from "/web/client/timeline.js";
import { rule, same } from "./checks.js";

/** The same value with its keys sorted. */
function ordered(value) {
  if (Array.isArray(value)) return value.map(ordered);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, ordered(value[key])]));
}

const message = (seq) => ({
  type: "message", chat: "c", seq, at: `t${seq}`, by: "ann", messageId: `m${seq}`, message: `${seq}`,
});
const about = (seq, type, of, rest = {}) => ({
  type, chat: "c", seq, at: `t${seq}`, by: "bob", messageId: `m${of}`, of, ...rest,
});
const shown = (timeline) => timeline.tail.items.map(({ asOf: _, ...item }) => item);

rule("every case that the server's fold is held to holds here", async () => {
  const cases = await (await fetch("/cases/fold_cases.json")).json();
  for (const { name, history, events, after } of cases) {
    same([name, ordered(fold(history, events))], [name, ordered(after)]);
  }
});

rule("a fold takes messages and events of any kind of list", () => {
  const events = new Set([about(2, "message.edited", 1, { message: "new" })]);
  same(fold(new Map([[1, message(1)]]).values(), events), fold([message(1)], [...events]));
});

rule("only edits, deletions and reactions change a message", () => {
  same(["message", "message.edited", "reaction.added", "chat.updated", "x"].map(
    (type) => changesMessage({ type })), [false, true, true, false, false]);
});

rule("a live change reaches its message and is no line of its own", () => {
  const timeline = new Timeline("me", 0);
  timeline.apply(message(1));
  timeline.apply(about(2, "message.edited", 1, { message: "new" }));
  same([timeline.cursor, shown(timeline)],
    [2, [{ ...message(1), message: "new", editedAt: "t2" }]]);
});

rule("a page that is older than a change is brought up to date, one that holds it is left", () => {
  const timeline = new Timeline("me", 2);
  timeline.apply(about(3, "reaction.added", 1, { emoji: "👍" }));
  timeline.cover({ from: 1, to: 2, asOf: 2, items: [message(1), message(2)] });
  same(timeline.messageAt(1).reactions, [{ emoji: "👍", count: 1, users: ["bob"] }]);
  const later = new Timeline("me", 2);
  const folded = { ...message(1), reactions: [{ emoji: "👍", count: 1, users: ["bob"] }] };
  later.cover({ from: 1, to: 2, asOf: 3, items: [folded, message(2)] });
  later.apply(about(3, "reaction.added", 1, { emoji: "👍" }));
  same(later.messageAt(1).reactions[0].count, 1);
});

rule("a page from before what is remembered of changes is refused", () => {
  const timeline = new Timeline("me", 9);
  same(timeline.cover({ from: 1, to: 5, asOf: 8, items: [] }), false);
  same(timeline.cover({ from: 1, to: 5, asOf: 9, items: [] }), true);
});

rule("history and the events since then are what the fold of all events is, at every seq", () => {
  let state = 7;
  const random = (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state % below;
  };
  for (let run = 0; run < 100; run += 1) {
    const events = [];
    for (let seq = 1; seq <= 40; seq += 1) {
      const of = events.filter((event) => event.type === "message")[random(6)]?.seq;
      const kind = random(6);
      if (!of || kind < 2) events.push(message(seq));
      else if (kind === 2) events.push(about(seq, "message.edited", of, { message: `e${seq}` }));
      else if (kind === 3) events.push(about(seq, "message.deleted", of));
      else events.push(about(seq, `reaction.${kind === 4 ? "added" : "removed"}`, of, { emoji: "👍" }));
    }
    const real = events.filter((event) => event.type !== "reaction.removed");
    real.forEach((event, n) => Object.assign(event, { seq: n + 1 }));
    for (const event of real) {
      const target = real.find((one) => one.messageId === event.messageId && one.type === "message");
      if (event.of) event.of = target.seq;
    }
    const asOf = random(real.length);
    const cursor = random(asOf + 1);
    const timeline = new Timeline("me", cursor);
    const items = fold([], real.slice(0, asOf));
    timeline.cover({ from: 1, to: cursor, asOf, items });
    for (const event of real.slice(cursor)) timeline.apply(event);
    same(shown(timeline).map(ordered), fold([], real).map(ordered));
  }
});
