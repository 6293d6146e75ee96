import { Ends } from "/web/client/ends.js";
import { Order } from "/web/client/order.js";
import { Session } from "/web/client/session.js";
import { rule, same } from "./checks.js";

const ready = (chats, rest = {}) => ({
  type: "ready", user: "bob", epoch: "e1", chats, behind: [], pingSeconds: 25, ...rest,
});
const message = (seq, chat = "a") => ({
  type: "message", chat, seq, at: `t${seq}`, by: "ann", messageId: `m${seq}`, message: "x",
});

/** An output in the notation of the table. */
function shown(output) {
  const [[kind, value]] = Object.entries(output);
  switch (kind) {
    case "deliver":
      return { deliver: [value.chat, value.seq] };
    case "pull":
      return { pull: [value.chat, value.after] };
    case "answer":
      return { answer: [value.clientId, value.type === "error" ? value.code : ""] };
    case "moment":
      return { moment: value.type };
    case "refresh":
      return { refreshToken: true };
    case "refusal":
      return { refusal: value.code };
    default:
      return output;
  }
}

function closed(ends, code, reason) {
  const next = ends.closed(code, reason, 0.5);
  return next === null ? { stop: code } : { comeBack: [next.waitMs / 1_000, next.refresh] };
}

/** As on a connection: `resume` is sent before `ready` arrives. */
function heard(session, frame) {
  if (frame.type === "ready") session.hello();
  return session.receive(frame);
}

const sorted = (cursors) => Object.entries(cursors).sort();

rule("every scripted session of the table runs as it says", async () => {
  const cases = await (await fetch("/clients/sessions.json")).json();
  same(cases.length >= 31, true);
  for (const { name, cursorsBefore = {}, epoch = null, steps, cursors } of cases) {
    const session = new Session({ user: "bob", cursors: cursorsBefore, epoch });
    const ends = new Ends();
    const pulls = {};
    for (const step of steps) {
      if (step.closed) {
        same([name, closed(ends, ...step.closed)], [name, step.out]);
        continue;
      }
      const outputs = step.receive?.flatMap((frame) => heard(session, frame))
        ?? (step.pulled && session.pulled(pulls[step.chat], step.pulled, step.more))
        ?? session.gone(pulls[step.gone]);
      for (const { pull, ready: isReady } of outputs) {
        if (pull) pulls[pull.chat] = pull;
        if (isReady) ends.ready();
      }
      same([name, outputs.map(shown)], [name, step.out]);
    }
    same([name, sorted(session.cursors)], [name, sorted(cursors)]);
  }
});

/** A number from 0 to 1 per call, the same sequence for the same seed. */
function chances(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Events arrive, are lost in transit, are pulled, and sockets end, in any order. */
function hardTimes(seed) {
  const chance = chances(seed);
  const session = new Session();
  const had = [];
  let head = 0;
  let pull = null;
  const take = (outputs) => {
    for (const output of outputs) {
      if (output.deliver) had.push(output.deliver.seq);
      if (output.pull) pull = output.pull;
    }
  };
  const page = (most) => {
    const events = [];
    for (let seq = pull.after + 1; seq <= head && events.length < most; seq += 1) {
      events.push(message(seq));
    }
    const more = events.length > 0 && events.at(-1).seq < head;
    take(session.pulled(pull, events, more));
  };
  const connect = () => {
    take(heard(session, ready({ a: head }, { behind: session.epoch === null ? [] : ["a"] })));
  };
  connect();
  for (let step = 0; step < 60; step += 1) {
    const what = chance();
    if (what < 0.1) connect();
    else if (what < 0.35 && pull !== null) page(2);
    else {
      head += 1;
      if (what < 0.8) take(session.receive(message(head)));
    }
  }
  connect();
  while (pull !== null && session.wants(pull)) page(Infinity);
  return { had, all: Array.from({ length: head }, (_, n) => n + 1) };
}

rule("whatever is lost, each event is delivered once and in order", () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const { had, all } = hardTimes(seed);
    same([seed, had], [seed, all]);
  }
});

rule("no more than a thousand chats are resumed; the others are pulled without being named", () => {
  const cursors = Object.fromEntries(Array.from({ length: 1_001 }, (_, n) => [`c${n}`, n + 1]));
  const session = new Session({ cursors, epoch: "e1" });
  same([Object.keys(session.hello().resume).length, "c0" in session.hello().resume], [1_000, false]);
  const outputs = session.receive(ready({ ...cursors, c0: 5 }));
  same(outputs.map(shown), [{ ready: 25 }, { pull: ["c0", 1] }]);
});

rule("what is next in order does not wait for a page that was asked for", () => {
  const session = new Session({ cursors: { a: 1 }, epoch: "e1" });
  heard(session, ready({ a: 1 }));
  const [{ pull }] = session.missing("a", 3);
  same([pull.after, pull.to, session.missing("a", 4)], [1, 3, []]);
  same([2, 3].flatMap((seq) => session.receive(message(seq)).map(shown)),
    [{ deliver: ["a", 2] }, { deliver: ["a", 3] }]);
  same([session.pulled(pull, [message(2), message(3)]), session.wants(pull)], [[], false]);
});

rule("so many events may wait for pages; with one more the socket is to be replaced", () => {
  const session = new Session({ cursors: { a: 1 }, epoch: "e1" });
  for (const _ of ["first", "second"]) {
    heard(session, ready({ a: 1 }));
    same(session.receive(message(3)).map(shown), [{ pull: ["a", 1] }]);
    for (let seq = 4; seq < 10_004; seq += 1) same(session.receive(message(seq)), []);
    same(session.receive(message(10_004)), [{ full: true }]);
  }
});

rule("events that wait are counted anew once nothing is missing", () => {
  const session = new Session({ cursors: { a: 1 }, epoch: "e1" });
  heard(session, ready({ a: 1 }));
  for (const last of [1, 9_001]) {
    const [{ pull }] = session.receive(message(last + 2));
    for (let seq = last + 3; seq <= last + 9_000; seq += 1) same(session.receive(message(seq)), []);
    session.pulled(pull, [message(last + 1)]);
    same([session.wants(pull), session.cursor("a")], [false, last + 9_000]);
  }
});

rule("what is skipped is history: a page of it changes nothing", () => {
  const session = new Session({ cursors: { a: 1 }, epoch: "e1" });
  heard(session, ready({ a: 1 }));
  const [{ pull }] = session.receive(message(9));
  same(session.skip("a", 8).map(shown), [{ deliver: ["a", 9] }]);
  same([session.wants(pull), session.pulled(pull, [message(2)]), session.cursor("a")], [false, [], 9]);
});

rule("chats that are more than an order are put in order all the same", () => {
  const made = [];
  class Chat extends Order {}
  const session = new Session({ make: (chat, from, seen) => {
    made.push([chat, from, seen]);
    return new Chat(seen);
  } });
  session.add("b", new Chat(7));
  heard(session, ready({ a: 4, b: 7 }, { read: { a: 3 } }));
  same([made, session.receive(message(5)).map(shown)], [[["a", 2, 4]], [{ deliver: ["a", 5] }]]);
});

rule("somebody who watches waits no longer than they are promised", () => {
  const ends = new Ends();
  const waits = Array.from({ length: 7 }, () => ends.closed(1006, "", 1, 0, 5_000).waitMs);
  same(waits, [500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000]);
});
