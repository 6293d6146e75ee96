import { Markers } from "/web/state/markers.js";
import { Names } from "/web/state/names.js";
import { Presence } from "/web/state/presence.js";
import { StandingClock, rule, same, settle } from "./checks.js";

function markersOf({ isUp = true } = {}) {
  const clock = new StandingClock();
  const sent = [];
  const line = { isUp };
  const send = (chat, upTo) => {
    if (line.isUp) sent.push([chat, upTo]);
    return line.isUp;
  };
  return { markers: new Markers({ send, clock }), clock, sent, line };
}

rule("a chat that is being read tells of it at once, then twice a second at most", async () => {
  const { markers, clock, sent } = markersOf();
  for (let seq = 1; seq <= 40; seq += 1) {
    markers.read("a", seq);
    await clock.pass(50);
  }
  await clock.pass(1_000);
  same(sent.map(([, upTo]) => upTo), [1, 10, 20, 30, 40]);
});

rule("what was read without a connection is told on the next one, and holds", () => {
  const { markers, sent, line } = markersOf({ isUp: false });
  markers.read("a", 7);
  same(sent, []);
  line.isUp = true;
  same([...markers.settle({ a: 3, b: 9 })], [["a", 7], ["b", 9]]);
  same(sent, [["a", 7]]);
});

rule("what a broken connection may have swallowed is told again, what is stored is not", async () => {
  const { markers, clock, sent } = markersOf();
  markers.read("a", 7);
  await clock.pass(1_000);
  same([...markers.settle({ a: 3 })], [["a", 7]]);
  same(sent.length, 2);
  await clock.pass(6_000);
  same([...markers.settle({ a: 3 })], [["a", 3]]); // another device has moved the marker back since
  same(sent.length, 2);
});

rule("what was marked as unread is not told as read by an earlier look", async () => {
  const { markers, clock, sent } = markersOf();
  markers.read("a", 7);
  markers.read("a", 8);
  markers.forget("a");
  await clock.pass(1_000);
  same(sent, [["a", 7]]);
  same([...markers.settle({ a: 2 })], [["a", 2]]);
});

function presenceOf() {
  const clock = new StandingClock();
  const sent = [];
  const presence = new Presence({
    clock, onChange() {},
    send: (users) => {
      sent.push(users);
      return true;
    },
  });
  const draw = (...ids) => {
    for (const id of ids) presence.of(id);
    presence.drawn();
  };
  return { presence, clock, sent, draw };
}

rule("who is seen is watched, who is seen no more is not, and nothing is told twice", async () => {
  const { clock, sent, draw } = presenceOf();
  draw("b", "a");
  draw("a", "b");
  await clock.pass(1_000);
  draw("c");
  await clock.pass(1_000);
  draw();
  same(sent, [["a", "b"], ["c"], []]);
});

rule("scrolling is told when it has come to rest, and at most 200 people", async () => {
  const { clock, sent, draw } = presenceOf();
  for (let n = 0; n < 20; n += 1) draw(`p${n}`);
  await clock.pass(1_000);
  same(sent, [["p0"], ["p19"]]);
  await clock.pass(1_000);
  draw(...Array.from({ length: 300 }, (_, n) => `p${n}`));
  same(sent.at(-1).length, 200);
});

rule("a new connection is told anew, and nobody is here while there is none", () => {
  const { presence, sent, draw } = presenceOf();
  draw("a");
  presence.heard({ users: { a: "online" } });
  same(presence.of("a"), "online");
  presence.lost();
  same(presence.of("a"), "offline");
  presence.drawn();
  presence.ready();
  same(sent.length >= 1, true);
  same(sent.at(-1), ["a"]);
});

rule("who could not be watched before is watched once there is a chat with them", async () => {
  const { presence, clock, sent, draw } = presenceOf();
  draw("stranger");
  await clock.pass(1_000);
  presence.renew();
  draw("stranger");
  same(sent, [["stranger"], ["stranger"]]);
});

function namesOf(people) {
  const clock = new StandingClock();
  const asked = [];
  const names = new Names({
    clock, onChange() {},
    api: {
      async users(ids) {
        asked.push(ids.length);
        return ids.filter((id) => id in people).map((id) => ({ id, ...people[id] }));
      },
    },
    database: { async all() { return []; }, async putAll() {} },
  });
  return { names, clock, asked };
}

rule("all that one drawing wants to know of people is one request, 200 of them in each", async () => {
  const people = Object.fromEntries(Array.from({ length: 250 }, (_, n) => [`p${n}`, { username: `u${n}` }]));
  const { names, clock, asked } = namesOf(people);
  for (const id of Object.keys(people)) same(names.of(id), "…");
  await clock.pass(100);
  await settle();
  await settle();
  same([asked, names.of("p0"), names.of("p249")], [[200, 50], "u0", "u249"]);
});

rule("people are shown by their display names and found by both", async () => {
  const { names } = namesOf({});
  names.learn([{ id: "b", username: "bob77", displayName: "Robert Lee", status: "Here" }]);
  same([names.of("b"), names.statusOf("b"), names.oneCalled("BOB77", ["a", "b"])],
    ["Robert Lee", "Here", "b"]);
  same(["bo", "rob", "lee", "robert l", "ee"].map((start) => names.isCalled("b", start)),
    [true, true, true, true, false]);
});

rule("in a text people are called as others see them, and nobody else is", () => {
  const { names } = namesOf({});
  names.learn([
    { id: "a", username: "a.b-c", displayName: "Ann $&" }, { id: "b", username: "bob" },
  ]);
  same(names.namedIn("@A.B-C and @bob, not axb-c@a.b-c or @a.b-cd", ["a", "b", "x"]),
    "@Ann $& and @bob, not axb-c@a.b-c or @a.b-cd");
  same(names.namedIn("@a.b-c"), "@a.b-c");
});

rule("who could not be asked for is asked for again after a reconnect, others when it is long ago", async () => {
  const { names, clock, asked } = namesOf({ a: { username: "ann" } });
  names.of("a");
  names.of("gone");
  await clock.pass(100);
  names.askAgain();
  names.of("a");
  names.of("gone");
  await clock.pass(100);
  same(asked, [2, 1]);
  await clock.pass(700_000);
  same(names.of("a"), "ann");
  await clock.pass(100);
  same(asked, [2, 1, 1]);
});

rule("somebody who is looked at is asked for at once, and not twice within ten seconds", async () => {
  const people = { a: { username: "ann", status: "Here" } };
  const { names, clock, asked } = namesOf(people);
  await names.look("a");
  people.a.status = "Away";
  await names.look("a");
  same([names.statusOf("a"), asked], ["Here", [1]]);
  await clock.pass(10_000);
  await names.look("a");
  same([names.statusOf("a"), asked], ["Away", [1, 1]]);
});
