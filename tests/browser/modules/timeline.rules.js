import { rowsOf } from "/web/log/rows.js";
import { Timeline } from "/web/client/timeline.js";
import { rule, same } from "./checks.js";

const ME = "me";
const AT = "2026-01-02T10:00:00.000Z";

function message(seq, { by = "bob", at = AT, clientId } = {}) {
  return { type: "message", chat: "c", seq, at, by, message: `text ${seq}`, clientId };
}

function seqs(events) {
  return events.map((event) => event.seq);
}

function rows(timeline, { newAfter = null } = {}) {
  return rowsOf(timeline.tail, timeline, {
    me: ME, newAfter, dayOf: (at) => at.slice(0, 10),
  });
}

/** A small random number generator with a seed (mulberry32), so that failures are reproducible. */
function chance(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

rule("an event in order is applied and moves the cursor", () => {
  const timeline = new Timeline(ME, 4);
  same(seqs(timeline.apply(message(5))), [5]);
  same(timeline.cursor, 5);
});

rule("an old event is dropped", () => {
  const timeline = new Timeline(ME, 4);
  same(timeline.apply(message(4)), []);
  same(timeline.tail.items, []);
});

rule("an event ahead of a gap waits until the gap is filled, then all come in order", () => {
  const timeline = new Timeline(ME, 0);
  same(timeline.apply(message(3)), []);
  same(timeline.hasGap, true);
  timeline.apply(message(1));
  same(seqs(timeline.apply(message(2))), [2, 3]);
  same(timeline.hasGap, false);
});

rule("lost, doubled and swapped events come in dense order once the lost are fetched", () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = chance(seed);
    const all = Array.from({ length: 40 }, (_, n) => message(n + 1));
    const live = all.filter(() => random() > 0.2);
    live.push(...live.filter(() => random() < 0.2));
    live.sort(() => random() - 0.5);
    const timeline = new Timeline(ME, 0);
    const seen = live.flatMap((event) => timeline.apply(event));
    for (const event of all.slice(timeline.cursor)) seen.push(...timeline.apply(event));
    same([seed, ...seqs(seen)], [seed, ...seqs(all)]);
    same(seqs(timeline.tail.items), seqs(all));
  }
});

const page = (from, to, asOf = to) => ({
  from, to, asOf, items: Array.from({ length: to - from + 1 }, (_, n) => message(from + n)),
});

rule("a page of the past is put before the first event, without what is here already", () => {
  const timeline = new Timeline(ME, 3);
  timeline.apply(message(4));
  same(timeline.tail.from, 4);
  timeline.cover(page(1, 4, 4));
  same([timeline.tail.from, ...seqs(timeline.tail.items)], [1, 1, 2, 3, 4]);
});

rule("a page that does not touch is a stretch of its own until the gap between is loaded", () => {
  const timeline = new Timeline(ME, 9);
  timeline.apply(message(10));
  timeline.cover(page(2, 4, 10));
  same(timeline.stretches.map(({ from, to }) => [from, to]), [[2, 4], [10, 10]]);
  same([timeline.stretchAt(3).from, timeline.stretchAt(7)], [2, undefined]);
  timeline.cover(page(5, 9, 10));
  same(timeline.stretches.map(({ from, to }) => [from, to]), [[2, 10]]);
});

rule("a page knows nothing above the cursor: that comes in its order", () => {
  const timeline = new Timeline(ME, 4);
  timeline.cover(page(3, 6));
  same([timeline.tail.to, ...seqs(timeline.tail.items)], [4, 3, 4]);
  timeline.apply(message(5));
  same(seqs(timeline.tail.items), [3, 4, 5]);
});

rule("a reset goes on after the new cursor with what had come early", () => {
  const timeline = new Timeline(ME, 2);
  timeline.apply(message(10));
  same(seqs(timeline.reset(9)), [10]);
  same(timeline.tail.from, 10);
});

rule("a trimmed timeline keeps its newest events and its cursor", () => {
  const timeline = new Timeline(ME, 0);
  for (let seq = 1; seq <= 9; seq += 1) timeline.apply(message(seq));
  timeline.cover(page(1, 1));
  timeline.trim(3);
  same([timeline.tail.from, timeline.cursor], [7, 9]);
});

rule("one's own event takes the place of what was pending, under the same key", () => {
  const timeline = new Timeline(ME, 0);
  timeline.write({ clientId: "k", text: "text 1", at: AT });
  const before = rows(timeline).at(-1);
  timeline.apply(message(1, { by: ME, clientId: "k" }));
  const after = rows(timeline).at(-1);
  same([before.state, after.state, before.key === after.key], ["pending", "stored", true]);
  same(timeline.outgoing, []);
});

rule("an answer before its event keeps the text in sight, as sent", () => {
  const timeline = new Timeline(ME, 0);
  timeline.write({ clientId: "k", text: "hello", at: AT });
  timeline.settle("k", 2);
  same(rows(timeline).at(-1).state, "sent");
  timeline.apply(message(1));
  timeline.apply(message(2, { by: ME, clientId: "k" }));
  same(rows(timeline).filter((row) => row.kind === "line").map((row) => row.seq), [1, 2]);
});

rule("an answer after its event takes the unsent text away", () => {
  const timeline = new Timeline(ME, 1);
  timeline.write({ clientId: "k", text: "hello", at: AT });
  timeline.settle("k", 1);
  same(timeline.outgoing, []);
});

rule("an answer never moves the cursor", () => {
  const timeline = new Timeline(ME, 0);
  timeline.write({ clientId: "k", text: "hello", at: AT });
  timeline.settle("k", 5);
  same(timeline.cursor, 0);
});

rule("another person's event with one's own clientId takes nothing away", () => {
  const timeline = new Timeline(ME, 0);
  timeline.write({ clientId: "k", text: "mine", at: AT });
  timeline.apply(message(1, { by: "bob", clientId: "k" }));
  same(timeline.outgoing.length, 1);
  same(new Set(rows(timeline).map((row) => row.key)).size, rows(timeline).length);
});

rule("a failed message keeps its reason until it is tried again, and goes when deleted", () => {
  const timeline = new Timeline(ME, 0);
  timeline.write({ clientId: "k", text: "hello", at: AT });
  timeline.change("k", { state: "failed", reason: "too long" });
  same([rows(timeline).at(-1).state, rows(timeline).at(-1).reason], ["failed", "too long"]);
  timeline.change("k", { state: "pending" });
  same(rows(timeline).at(-1).state, "pending");
  timeline.discard("k");
  same(rows(timeline), []);
});

rule("what one writes stays after everything stored, in the order of writing", () => {
  const timeline = new Timeline(ME, 0);
  timeline.write({ clientId: "a", text: "first", at: AT });
  timeline.write({ clientId: "b", text: "second", at: AT });
  timeline.apply(message(1));
  same(rows(timeline).filter((row) => row.kind === "line").map((row) => row.text),
    ["text 1", "first", "second"]);
});

rule("one person's messages within five minutes are one group, later ones a new one", () => {
  const timeline = new Timeline(ME, 0);
  timeline.apply(message(1, { at: "2026-01-02T10:00:00.000Z" }));
  timeline.apply(message(2, { at: "2026-01-02T10:05:00.000Z" }));
  timeline.apply(message(3, { at: "2026-01-02T10:05:00.001Z" }));
  timeline.apply(message(4, { at: "2026-01-02T10:05:01.000Z", by: "cleo" }));
  same(rows(timeline).filter((row) => row.kind === "line").map((row) => row.first),
    [true, false, true, true]);
});

rule("each day begins with its line, and a clock that runs back makes no second one", () => {
  const timeline = new Timeline(ME, 0);
  timeline.apply(message(1, { at: "2026-01-01T23:59:00.000Z" }));
  timeline.apply(message(2, { at: "2026-01-02T00:00:10.000Z" }));
  timeline.apply(message(3, { at: "2026-01-01T23:59:59.000Z" }));
  same(rows(timeline).map((row) => row.kind), ["day", "line", "day", "line", "line"]);
});

rule("one New line stands before the first message of others above what was read", () => {
  const timeline = new Timeline(ME, 0);
  timeline.apply(message(1));
  timeline.apply(message(2, { by: ME }));
  timeline.apply(message(3));
  timeline.apply(message(4));
  const order = (newAfter) => rows(timeline, { newAfter }).map((row) => row.seq ?? row.kind);
  same(order(1), ["day", 1, 2, "new", 3, 4]);
  same(order(0), ["day", "new", 1, 2, 3, 4]);
  same(rows(timeline, { newAfter: 4 }).some((row) => row.kind === "new"), false);
});

rule("there is no New line where the first unread message is not loaded", () => {
  const timeline = new Timeline(ME, 7);
  timeline.apply(message(8));
  same(rows(timeline, { newAfter: 3 }).some((row) => row.kind === "new"), false);
});

rule("news are messages and invitations of others, above what was read", () => {
  const timeline = new Timeline(ME, 0);
  timeline.apply({ type: "chat.created", chat: "c", seq: 1, at: AT, by: "bob" });
  timeline.apply(message(2, { by: ME }));
  timeline.apply(message(3));
  timeline.apply({ type: "chat.updated", chat: "c", seq: 4, at: AT, by: "bob" });
  same([timeline.newsAfter(0), timeline.newsAfter(1), timeline.newsAfter(3)], [2, 1, 0]);
});

rule("an event of an unknown type counts as applied and becomes a note", () => {
  const timeline = new Timeline(ME, 0);
  same(seqs(timeline.apply({ type: "chat.painted", chat: "c", seq: 1, at: AT, by: "bob" })), [1]);
  same(rows(timeline).map((row) => row.kind), ["day", "note"]);
});

rule("a note knows what the chat was called before, as far as that is loaded", () => {
  const timeline = new Timeline(ME, 0);
  const event = (type, seq, chatName) => ({ type, chat: "c", seq, at: AT, by: "bob", chatName });
  timeline.apply(event("chat.created", 1, "X"));
  timeline.apply(event("participant.added", 2));
  timeline.apply(message(3));
  timeline.apply(event("chat.updated", 4, "Y"));
  timeline.apply(event("chat.updated", 5, "Z"));
  same(rows(timeline).filter((row) => row.kind === "note").map((row) => row.before?.seq ?? null),
    [null, 1, 1, 4]);
});
