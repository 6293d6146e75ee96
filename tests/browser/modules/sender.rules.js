import { Sender } from "/web/state/sender.js";
import { NotFound } from "/web/client/errors.js";
import { Timeline } from "/web/client/timeline.js";
import { Outbox } from "/web/state/outbox.js";
import { StandingClock, rule, same, settle } from "./checks.js";

const AT = "1970-01-01T00:16:40.000Z"; // the initial time of a StandingClock

/** The one part of the database that the outbox writes to, in memory. */
const database = { all: async () => [], put: async () => {}, delete: async () => {} };

/** The calls that send changes; each is answered on demand. */
class Api {
  asked = [];
  refusals = [];

  #ask(name, ...rest) {
    return new Promise((resolve, reject) => {
      const { mentions } = rest.at(-2) ?? {};
      this.asked.push({ name, key: rest.at(-1), mentions, resolve, reject });
    });
  }

  editMessage(...rest) {
    return this.#ask("edit", ...rest);
  }

  deleteMessage(...rest) {
    return this.#ask("delete", ...rest);
  }

  addReaction(...rest) {
    return this.#ask("react", ...rest);
  }

  deleteMessageOnUnload(...rest) {
    return this.#ask("delete at once", ...rest);
  }

  removeReaction(...rest) {
    return this.#ask("unlike", ...rest);
  }

  get names() {
    return this.asked.map((one) => one.name);
  }
}

function parts({ mentioned } = {}) {
  const clock = new StandingClock();
  const chat = { id: "c", timeline: new Timeline("me", 0) };
  const api = new Api();
  const connection = {
    live: true,
    get state() {
      return this.live ? "ready" : "waiting";
    },
    sent: [],
    hurried: 0,
    hurry() {
      this.hurried += 1;
    },
    send(frame) {
      if (this.live) this.sent.push(frame);
      return this.live;
    },
    texts() {
      return this.sent.map((frame) => frame.message);
    },
  };
  const outbox = new Outbox({ database, window: "w", locks: undefined, tabs: { say() {} } });
  const sender = new Sender({
    api, outbox, connection, clock, random: () => 0.5, mentioned,
    chats: { get: () => chat },
    hear: {
      changed() {}, inWords: (code) => `no: ${code}`,
      refused: (item, code) => api.refusals.push(`${item.kind}: ${code}`),
    },
  });
  const last = () => connection.sent.at(-1).clientId;
  return { api, clock, chat, connection, outbox, sender, last };
}

rule("one message of a chat is under way at a time, in the order of writing", async () => {
  const { chat, connection, sender, last } = parts();
  sender.post(chat, { text: "one" });
  sender.post(chat, { text: "two" });
  same(connection.texts(), ["one"]);
  sender.sent({ chat: "c", clientId: last(), seq: 1 });
  same(connection.texts(), ["one", "two"]);
});

rule("an answer that was refused is sent without its quote when one tries again", async () => {
  const { chat, connection, outbox, sender, last } = parts();
  sender.post(chat, { text: "one", replyTo: "gone" });
  const clientId = last();
  await sender.refused({ clientId, code: "invalid_request" }, (code) => `no: ${code}`);
  same([outbox.get(clientId).lostQuote, chat.timeline.outgoing[0].lostQuote], [true, true]);
  await sender.retry(chat, clientId);
  same(connection.sent.map(({ replyTo }) => replyTo), ["gone", undefined]);
  same([last(), chat.timeline.outgoing[0].replyTo], [clientId, undefined]);
  await sender.refused({ clientId, code: "invalid_request" }, (code) => `no: ${code}`);
  same(outbox.get(clientId).lostQuote, undefined);
});

rule("an answer that is refused for its text keeps its quote", async () => {
  const { chat, outbox, sender, last } = parts();
  sender.post(chat, { text: "nul \0 inside", replyTo: "there" });
  const clientId = last();
  await sender.refused({ clientId, code: "invalid_request" }, (code) => `no: ${code}`);
  same([outbox.get(clientId).state, outbox.get(clientId).lostQuote], ["failed", undefined]);
});

rule("what is written offline leaves after reconnecting, under the key it had", async () => {
  const { chat, connection, sender } = parts();
  connection.live = false;
  sender.post(chat, { text: "one" });
  same([connection.texts(), connection.hurried], [[], 1]);
  connection.live = true;
  sender.restart();
  same(connection.sent[0].clientId, chat.timeline.outgoing[0].clientId);
});

rule("what got no answer is sent again under the same key, at once or after a time", async () => {
  const { clock, chat, connection, sender } = parts();
  sender.post(chat, { text: "one" });
  sender.restart();
  await clock.pass(15_000);
  same(new Set(connection.sent.map((frame) => frame.clientId)).size, 1);
  same(connection.sent.length, 3);
});

rule("the own event settles a send whose answer was lost", async () => {
  const { chat, connection, outbox, sender, last } = parts();
  sender.post(chat, { text: "one" });
  const clientId = last();
  chat.timeline.apply({ type: "message", seq: 1, at: AT, by: "me", message: "one", clientId });
  await sender.delivered({ chat: "c", clientId });
  same([outbox.next("c"), chat.timeline.outgoing], [undefined, []]);
  sender.post(chat, { text: "two" });
  same(connection.texts(), ["one", "two"]);
});

rule("a refusal that time heals waits as long as it says and stays pending", async () => {
  const { clock, chat, connection, sender, last } = parts();
  sender.post(chat, { text: "one" });
  await sender.refused({ clientId: last(), code: "rate_limited", retryAfter: 2 }, () => "no");
  same(chat.timeline.outgoing[0].state, "pending");
  await clock.pass(1_999);
  same(connection.sent.length, 1);
  await clock.pass(1);
  same(connection.sent.length, 2);
});

rule("any other refusal is shown with its reason, and the next message passes", async () => {
  const { chat, connection, sender, last } = parts();
  sender.post(chat, { text: "one" });
  sender.post(chat, { text: "two" });
  await sender.refused({ clientId: last(), code: "forbidden" }, (code) => `no: ${code}`);
  same(chat.timeline.outgoing[0], {
    state: "failed", clientId: chat.timeline.outgoing[0].clientId, chat: "c", at: AT, text: "one",
    reason: "no: forbidden",
  });
  same(connection.texts(), ["one", "two"]);
});

rule("trying again sends it again under the same key; deleting forgets it", async () => {
  const { chat, connection, outbox, sender, last } = parts();
  sender.post(chat, { text: "one" });
  const clientId = last();
  await sender.refused({ clientId, code: "forbidden" }, () => "no");
  await sender.retry(chat, clientId);
  same(connection.sent.map((frame) => frame.clientId), [clientId, clientId]);
  await sender.refused({ clientId, code: "forbidden" }, () => "no");
  await sender.discard(chat, clientId);
  same([outbox.get(clientId), chat.timeline.outgoing], [undefined, []]);
});

rule("an answer to what is not under way any more changes nothing", async () => {
  const { chat, sender } = parts();
  sender.post(chat, { text: "one" });
  await sender.refused({ clientId: "other", code: "forbidden" }, () => "no");
  await settle();
  same(chat.timeline.outgoing[0].state, "pending");
});

const EDIT = { kind: "edit", of: 1, messageId: "m1", text: "b" };
const LIKE = { kind: "react", of: 1, messageId: "m1", emoji: "👍", isOn: true };

rule("changes and messages of a chat leave in the order in which they were made", async () => {
  const { api, chat, connection, sender, last } = parts();
  sender.post(chat, { text: "one" });
  sender.post(chat, EDIT);
  sender.post(chat, LIKE);
  sender.post(chat, { text: "two" });
  same([connection.texts(), api.names], [["one"], []]);
  await sender.sent({ chat: "c", clientId: last(), seq: 2 });
  same(api.names, ["edit"]);
  api.asked[0].resolve({ seq: 3 });
  await settle();
  same(api.names, ["edit", "react"]);
  api.asked[1].resolve({});
  await settle();
  same(connection.texts(), ["one", "two"]);
});

rule("a reaction of which nobody knows is taken away, or made where there is none", async () => {
  const { api, chat, outbox, sender } = parts();
  for (const n of [0, 1]) {
    sender.post(chat, { ...LIKE, isOn: null });
    if (n === 0) api.asked[0].resolve({});
    else api.asked[1].reject(new NotFound(404, "not_found"));
    await settle();
  }
  same(api.names, ["unlike", "unlike", "react"]);
  api.asked[2].resolve({});
  await settle();
  same([chat.timeline.changing.length, outbox.of("c").length], [0, 0]);
});

rule("what became of a reaction of which nobody knows is not undone by a repeat", async () => {
  const { api, clock, chat, outbox, sender } = parts();
  sender.post(chat, { ...LIKE, isOn: null });
  api.asked[0].reject(new NotFound(404, "not_found"));
  await settle();
  const { clientId } = chat.timeline.changing[0];
  same([outbox.get(clientId).isOn, chat.timeline.changing[0].isOn], [true, true]);
  api.asked[1].reject(Object.assign(new Error("gone"), { code: "unavailable" }));
  await settle();
  await clock.pass(500);
  same(api.names, ["unlike", "react", "react"]);
});

rule("a reaction has one attempt at a time: a late one would undo the next reaction", async () => {
  const { api, clock, chat, sender } = parts();
  sender.post(chat, LIKE);
  sender.restart();
  sender.post(chat, { ...LIKE, isOn: false });
  await clock.pass(20_000);
  same(api.names, ["react"]);
  api.asked[0].reject(Object.assign(new Error("gone"), { code: "unavailable" }));
  await settle();
  await clock.pass(500);
  same(api.names, ["react", "react"]);
  api.asked[1].resolve({});
  await settle();
  same(api.names, ["react", "react", "unlike"]);
  api.asked[2].resolve({});
  await settle();
  same(chat.timeline.changing.length, 0);
});

rule("a reaction is removed under one key, whatever becomes of the first attempt", async () => {
  const { api, clock, chat, sender } = parts();
  sender.post(chat, { ...LIKE, isOn: false });
  const { clientId } = chat.timeline.changing[0];
  api.asked[0].reject(Object.assign(new Error("gone"), { code: "unavailable" }));
  await settle();
  await clock.pass(500);
  same(api.asked.map(({ key }) => key), [clientId, clientId]);
});

rule("a change without an answer is made again under its key", async () => {
  const { api, chat, outbox, sender } = parts();
  sender.post(chat, EDIT);
  sender.restart();
  same([api.names, api.asked[0].key === api.asked[1].key], [["edit", "edit"], true]);
  api.asked[1].resolve({ seq: 2 });
  await settle();
  api.asked[0].reject(Object.assign(new Error("gone"), { code: "unavailable" }));
  await settle();
  same(outbox.next("c"), undefined);
});

rule("an edit that is refused stays with its reason; a reaction is taken back and told of", async () => {
  const { api, chat, outbox, sender } = parts();
  const no = (code) => Object.assign(new Error(code), { code });
  sender.post(chat, EDIT);
  api.asked[0].reject(no("forbidden"));
  await settle();
  same(chat.timeline.changing.map((one) => [one.kind, one.reason]), [["edit", "no: forbidden"]]);
  sender.post(chat, LIKE);
  api.asked[1].reject(no("invalid_request"));
  await settle();
  same([chat.timeline.changing.length, outbox.of("c").length, api.refusals],
    [1, 1, ["react: invalid_request"]]);
});

rule("an edit of what is deleted cannot be tried again", async () => {
  const { api, chat, sender } = parts();
  for (const [n, code] of ["not_found", "forbidden"].entries()) {
    sender.post(chat, EDIT);
    api.asked[n].reject(Object.assign(new Error(code), { code }));
    await settle();
  }
  same(chat.timeline.changing.map((one) => one.isFinal ?? false), [true, false]);
});

rule("a deletion waits five seconds in which it can be taken back, and holds up nothing", async () => {
  const { api, clock, chat, connection, sender } = parts();
  const { clientId } = sender.postDeletion(chat, { of: 1, messageId: "m1" });
  sender.post(chat, { text: "one" });
  same([api.names, connection.texts()], [[], ["one"]]);
  await sender.discard(chat, clientId);
  await sender.sent({ chat: "c", clientId: connection.sent[0].clientId, seq: 2 });
  await clock.pass(5_000);
  same(api.names, []);
  sender.postDeletion(chat, { of: 1, messageId: "m1" });
  await clock.pass(5_000);
  same(api.names, ["delete"]);
});

rule("a deletion that could still be taken back is made before the session ends", async () => {
  const { api, chat, sender } = parts();
  sender.postDeletion(chat, { of: 1, messageId: "m1" });
  const settled = [];
  sender.settle().then(() => settled.push("made"), ({ code }) => settled.push(code));
  same(api.names, ["delete"]);
  await settle();
  same(settled, []);
  api.asked[0].resolve({});
  await settle();
  for (const code of ["forbidden", "unavailable"]) {
    sender.settle().then(() => settled.push("over"), (error) => settled.push(error.code));
    api.asked.at(-1).reject(Object.assign(new Error("no"), { code }));
    await settle();
  }
  same(settled, ["made", "over", "unavailable"]);
});

rule("a page that closes makes its own deletions at once, and the next one repeats them", async () => {
  const { api, chat, outbox, sender } = parts();
  const { clientId } = sender.postDeletion(chat, { of: 1, messageId: "m1" });
  outbox.heard({ ...outbox.get(clientId), clientId: "other", window: "another" });
  sender.unload();
  same(api.asked.map(({ name, key }) => [name, key]), [["delete at once", clientId]]);
  api.asked[0].reject(Object.assign(new Error("no"), { code: "unauthenticated" }));
  await settle();
  same(outbox.get(clientId).state, "held");
});

rule("names that are not known are looked up just before a text goes out, in its order", async () => {
  const waiting = [];
  const mentioned = () => new Promise((resolve) => waiting.push(resolve));
  const { api, chat, connection, outbox, sender, last } = parts({ mentioned });
  sender.post(chat, { text: "@zoe", mentions: [], isIncomplete: true });
  sender.post(chat, { text: "two", mentions: [] });
  same([connection.sent, outbox.of("c").length, chat.timeline.unsent.length], [[], 2, 2]);
  waiting[0](["z"]);
  await settle();
  same([connection.texts(), connection.sent[0].mentions], [["@zoe"], ["z"]]);
  same(chat.timeline.unsent[0].mentions, ["z"]);
  sender.restart();
  same([connection.texts(), waiting.length], [["@zoe", "@zoe"], 1]);
  await sender.sent({ chat: "c", clientId: last(), seq: 1 });
  same(connection.texts().at(-1), "two");
  await sender.sent({ chat: "c", clientId: last(), seq: 2 });
  sender.post(chat, { ...EDIT, text: "@zoe", mentions: [], isIncomplete: true });
  same(api.names, []);
  waiting[1](["z"]);
  await settle();
  same([api.names, api.asked[0].mentions], [["edit"], ["z"]]);
});

rule("a text whose connection is lost during the look-up goes out after the next one", async () => {
  const waiting = [];
  const mentioned = () => new Promise((resolve) => waiting.push(resolve));
  const { chat, connection, sender } = parts({ mentioned });
  sender.post(chat, { text: "@zoe", mentions: [], isIncomplete: true });
  connection.live = false;
  waiting[0]([]);
  await settle();
  same(connection.sent, []);
  connection.live = true;
  sender.restart();
  waiting[1](["z"]);
  await settle();
  same(connection.sent.map(({ mentions }) => mentions), [["z"]]);
});

rule("a text that is discarded during the look-up is not sent", async () => {
  const waiting = [];
  const mentioned = () => new Promise((resolve) => waiting.push(resolve));
  const { chat, connection, sender } = parts({ mentioned });
  sender.post(chat, { text: "@zoe", mentions: [], isIncomplete: true });
  await sender.discard(chat, chat.timeline.unsent[0].clientId);
  waiting[0](["z"]);
  await settle();
  same(connection.sent, []);
});
