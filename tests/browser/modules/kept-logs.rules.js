import { Chat } from "/web/state/chat.js";
import { PassingDatabase } from "/web/storage/database.js";
import { KeptLogs } from "/web/storage/kept-logs.js";
import { StandingClock, rule, same, settle } from "./checks.js";

const SOON = 1_000;

function message(seq, text = `line ${seq}`) {
  const at = "2026-01-01T00:00:00.000Z";
  return { type: "message", chat: "c", seq, at, by: "bob", messageId: `m${seq}`, message: text };
}

/** A window in a browser; windows with the same database are in one browser, one after another. */
class Window {
  clock = new StandingClock();

  constructor(database, { epoch = "one", cursor = 0 } = {}) {
    this.database = database;
    this.logs = new KeptLogs({ database, clock: this.clock });
    this.chat = new Chat("c", "ann", cursor);
    if (epoch) this.logs.began(epoch);
  }

  apply(...events) {
    for (const event of events) {
      for (const applied of this.chat.apply(event)) this.logs.changed(this.chat, applied);
    }
  }

  get texts() {
    return this.chat.timeline.tail.items.map((item) => item.message);
  }

  async wait() {
    await this.clock.pass(SOON);
    await settle();
  }
}

async function keptBy(database, how, ...events) {
  const window = new Window(database, how);
  await window.logs.open(window.chat);
  window.apply(...events);
  await window.wait();
  return window;
}

rule("what was read is there without a server, as it is now, and goes on where it ended", async () => {
  const database = new PassingDatabase();
  const edit = { ...message(3, "two, edited"), type: "message.edited", of: 2, messageId: "m2" };
  await keptBy(database, {}, message(1), message(2), edit);
  const next = new Window(database, { epoch: null, cursor: 9 });
  same(await next.logs.open(next.chat), true);
  same([next.texts, next.chat.timeline.cursor], [["line 1", "two, edited"], 3]);
  next.logs.began("one");
  same(next.logs.isForeign(next.chat), false);
  next.apply(message(4));
  await next.wait();
  same((await database.get("logs", "c")).cursor, 4);
});

rule("a chat that nobody opened is not kept", async () => {
  const database = new PassingDatabase();
  const window = new Window(database);
  window.apply(message(1));
  await window.wait();
  same(await database.get("logs", "c"), undefined);
});

rule("with the server there, history is asked for", async () => {
  const database = new PassingDatabase();
  await keptBy(database, {}, message(1));
  const next = new Window(database, { cursor: 9 });
  same([await next.logs.open(next.chat), next.texts], [false, []]);
});

rule("what was kept before the server's database was restored is known to be another one's", async () => {
  const database = new PassingDatabase();
  await keptBy(database, {}, message(1));
  const next = new Window(database, { epoch: null });
  await next.logs.open(next.chat);
  next.logs.began("two");
  same(next.logs.isForeign(next.chat), true);
});

rule("a text that is deleted goes from what is kept, also of a chat that is not opened", async () => {
  const database = new PassingDatabase();
  await keptBy(database, {}, message(1), message(2));
  const next = new Window(database, { cursor: 2 });
  next.apply({ ...message(3), type: "message.deleted", of: 1, messageId: "m1", message: undefined });
  await next.wait();
  const { items, cursor } = await database.get("logs", "c");
  same([items.map((item) => item.message), cursor], [["", "line 2"], 2]);
});

rule("only the newest part is kept, and says from where on", async () => {
  const database = new PassingDatabase();
  const all = Array.from({ length: 250 }, (_, n) => message(n + 1));
  await keptBy(database, {}, ...all);
  const { from, items } = await database.get("logs", "c");
  same([from, items.length, items[0].seq], [51, 200, 51]);
});

rule("who has gone, or left the chat, leaves nothing that is written later", async () => {
  const database = new PassingDatabase();
  const window = new Window(database);
  await window.logs.open(window.chat);
  window.apply(message(1));
  window.logs.end();
  await window.wait();
  same(await database.get("logs", "c"), undefined);
  const other = await keptBy(database, {}, message(1));
  await other.logs.forget("c");
  same(await database.get("logs", "c"), undefined);
});
