import { Sender } from "/web/sender.js";
import { Timeline } from "/web/timeline.js";
import { Outbox } from "/web/outbox.js";
import { StandingClock, rule, same, settle } from "./checks.js";

const AT = "2026-01-02T10:00:00.000Z";

/** The one part of the database that the outbox writes to, in memory. */
const database = { all: async () => [], put: async () => {}, delete: async () => {} };

function parts() {
  const clock = new StandingClock();
  const chat = { id: "c", timeline: new Timeline("me", 0) };
  const connection = {
    live: true,
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
    outbox, connection, clock, random: () => 0.5, onChange: () => {},
    chats: { get: () => chat },
  });
  const last = () => connection.sent.at(-1).clientId;
  return { clock, chat, connection, outbox, sender, last };
}

rule("one message of a chat is under way at a time, in the order of writing", async () => {
  const { chat, connection, sender, last } = parts();
  sender.post(chat, "one", AT);
  sender.post(chat, "two", AT);
  same(connection.texts(), ["one"]);
  sender.sent({ chat: "c", clientId: last(), seq: 1 });
  same(connection.texts(), ["one", "two"]);
});

rule("what is written offline leaves after reconnecting, under the key it had", async () => {
  const { chat, connection, sender } = parts();
  connection.live = false;
  sender.post(chat, "one", AT);
  same([connection.texts(), connection.hurried], [[], 1]);
  connection.live = true;
  sender.restart();
  same(connection.sent[0].clientId, chat.timeline.outgoing[0].clientId);
});

rule("what got no answer is sent again under the same key, at once or after a time", async () => {
  const { clock, chat, connection, sender } = parts();
  sender.post(chat, "one", AT);
  sender.restart();
  await clock.pass(15_000);
  same(new Set(connection.sent.map((frame) => frame.clientId)).size, 1);
  same(connection.sent.length, 3);
});

rule("the own event settles a send whose answer was lost", async () => {
  const { chat, connection, outbox, sender, last } = parts();
  sender.post(chat, "one", AT);
  const clientId = last();
  chat.timeline.apply({ type: "message", seq: 1, at: AT, by: "me", message: "one", clientId });
  await sender.delivered({ chat: "c", clientId });
  same([outbox.next("c"), chat.timeline.outgoing], [undefined, []]);
  sender.post(chat, "two", AT);
  same(connection.texts(), ["one", "two"]);
});

rule("a refusal that time heals waits as long as it says and stays pending", async () => {
  const { clock, chat, connection, sender, last } = parts();
  sender.post(chat, "one", AT);
  await sender.refused({ clientId: last(), code: "rate_limited", retryAfter: 2 }, () => "no");
  same(chat.timeline.outgoing[0].state, "pending");
  await clock.pass(1_999);
  same(connection.sent.length, 1);
  await clock.pass(1);
  same(connection.sent.length, 2);
});

rule("any other refusal is shown with its reason, and the next message passes", async () => {
  const { chat, connection, sender, last } = parts();
  sender.post(chat, "one", AT);
  sender.post(chat, "two", AT);
  await sender.refused({ clientId: last(), code: "forbidden" }, (code) => `no: ${code}`);
  same(chat.timeline.outgoing[0], {
    state: "failed", clientId: chat.timeline.outgoing[0].clientId, chat: "c", text: "one", at: AT,
    reason: "no: forbidden",
  });
  same(connection.texts(), ["one", "two"]);
});

rule("trying again sends it again under the same key; deleting forgets it", async () => {
  const { chat, connection, outbox, sender, last } = parts();
  sender.post(chat, "one", AT);
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
  sender.post(chat, "one", AT);
  await sender.refused({ clientId: "other", code: "forbidden" }, () => "no");
  await settle();
  same(chat.timeline.outgoing[0].state, "pending");
});
