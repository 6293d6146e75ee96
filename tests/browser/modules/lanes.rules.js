import { Lanes } from "/web/client/lanes.js";
import { StandingClock, rule, same } from "./checks.js";

/** Chats `0`, `1`, … with `each` pending changes, and the changes that were sent: `chat key`. */
function parts({ chats, each = 1 }) {
  const clock = new StandingClock();
  const pending = new Map(Array.from({ length: chats }, (_, n) => (
    [`${n}`, Array.from({ length: each }, (_unused, key) => `${key}`)]
  )));
  const sent = [];
  const made = { clock, pending, sent, isThere: true };
  const send = (chat, key) => {
    if (made.isThere) sent.push(`${chat} ${key}`);
    return made.isThere;
  };
  made.lanes = new Lanes({
    clock, random: () => 0.5,
    next: (chat) => {
      const [key] = pending.get(chat);
      return key && { key, send: () => send(chat, key) };
    },
  });
  made.all = () => [...pending.keys()];
  made.pushAll = () => made.all().forEach((chat) => made.lanes.push(chat));
  made.answer = (chat) => {
    made.lanes.done(chat, pending.get(chat).shift());
    made.lanes.push(chat);
  };
  return made;
}

rule("at most ten changes are under way at once; each answer lets the next one go", () => {
  const { sent, pushAll, answer } = parts({ chats: 300 });
  pushAll();
  same(sent.length, 10);
  answer("3");
  same(sent.slice(10), ["10 0"]);
});

rule("a refusal that is for all holds back all chats, and then ten go", async () => {
  const { clock, lanes, sent, pushAll } = parts({ chats: 300 });
  pushAll();
  for (let n = 0; n < 10; n += 1) {
    lanes.again(`${n}`, "0", { retryAfter: n === 4 ? 3 : 1, isForAll: true });
  }
  await clock.pass(2_999);
  same(sent.length, 10);
  await clock.pass(1);
  same([sent.length, sent[10]], [20, "10 0"]);
});

rule("300 chats at once have all of their changes, and few refusals in ten seconds", async () => {
  const { clock, lanes, pending, sent, pushAll, answer } = parts({ chats: 300, each: 2 });
  const refusals = [];
  const end = clock.now() + 100_000;
  let room = 50;
  const refill = () => {
    room = Math.min(50, room + 1);
    clock.after(100, refill);
  };
  refill();
  const judge = (chat, key) => {
    if (room > 0) {
      room -= 1;
      answer(chat);
    } else {
      refusals.push(clock.now());
      lanes.again(chat, key, { retryAfter: 1, isForAll: true });
    }
  };
  pushAll();
  for (let judged = 0; clock.now() < end;) {
    for (const until = sent.length; judged < until; judged += 1) judge(...sent[judged].split(" "));
    await clock.pass(20);
  }
  const most = Math.max(...refusals.map((at) => (
    refusals.filter((other) => other >= at && other - at <= 10_000).length
  )));
  same([new Set(sent).size, Math.max(...[...pending.values()].map(({ length }) => length))],
    [600, 0]);
  same([most > 10, most <= 110], [true, true]);
});

rule("a new socket ends all waits: ten go at once, in the order of the chats", () => {
  const { lanes, sent, pushAll, all } = parts({ chats: 300 });
  pushAll();
  lanes.again("0", "0", { retryAfter: 60, isForAll: true });
  lanes.again("1", "0");
  lanes.restart(all());
  same(sent.slice(10), Array.from({ length: 10 }, (_, n) => `${n} 0`));
});

rule("a change that fails without a time holds back only its own chat", async () => {
  const { clock, lanes, sent, pushAll } = parts({ chats: 11 });
  pushAll();
  lanes.again("0", "0");
  same(sent.slice(10), ["10 0"]);
  for (let n = 1; n <= 10; n += 1) lanes.done(`${n}`, "0");
  await clock.pass(250);
  same(sent.slice(11), ["0 0"]);
});

rule("any other refusal holds back only its own chat, and none for more than a minute", async () => {
  const { clock, lanes, sent } = parts({ chats: 3 });
  lanes.push("0");
  lanes.again("0", "0", { retryAfter: 3_600 });
  lanes.push("1");
  lanes.push("2");
  same(sent, ["0 0", "1 0", "2 0"]);
  lanes.done("2", "0");
  lanes.again("1", "0", { retryAfter: 3_600, isForAll: true });
  await clock.pass(59_999);
  same(sent.slice(3), []);
  await clock.pass(1);
  same(sent.slice(3).toSorted(), ["0 0", "1 0"]);
});

rule("a chat that waits for its turn is sent once, with what is its oldest change then", () => {
  const { lanes, sent, pending, pushAll, answer } = parts({ chats: 11, each: 2 });
  pushAll();
  lanes.push("10");
  pending.get("10").shift();
  answer("0");
  same(sent.slice(10), ["10 1"]);
});

rule("what cannot be sent takes no place", () => {
  const made = parts({ chats: 20 });
  made.isThere = false;
  made.pushAll();
  made.isThere = true;
  made.lanes.restart(made.all());
  same(made.sent.length, 10);
});
