import { Database } from "/web/storage/database.js";
import { Outbox } from "/web/state/outbox.js";
import { rule, same, settle } from "./checks.js";

/** The names of the open windows, with the interface of `navigator.locks`. */
class Locks {
  constructor(...names) {
    this.names = new Set(names);
    this.waiting = [];
  }

  request(name, call) {
    if (this.names.has(name)) this.waiting.push({ name, call });
    this.names.add(name);
    return new Promise(() => {});
  }

  die(name) {
    this.names.delete(name);
    for (const one of this.waiting) if (one.name === name) one.call();
  }

  async query() {
    return { held: [...this.names].map((name) => ({ name })) };
  }
}

async function fresh(check) {
  const database = new Database(`rules ${crypto.randomUUID()}`);
  await check(database);
  await database.erase();
}

function item(clientId, chat = "c") {
  return { clientId, chat, text: `text of ${clientId}`, at: "2026-01-02T10:00:00.000Z" };
}

const NOBODY = { say() {} };

async function reopened(database, locks = new Locks(), window = "next", parts = {}) {
  const outbox = new Outbox({ database, window, locks, tabs: NOBODY, ...parts });
  const items = await outbox.load();
  return { outbox, items, ids: items.map(({ clientId }) => clientId) };
}

rule("what is written is in the queue at once, and after a reload in the order of writing", () => (
  fresh(async (database) => {
    const { outbox } = await reopened(database, new Locks(), "first");
    const kept = ["z", "a", "m"].map((id) => outbox.add(item(id)));
    same(outbox.next("c").clientId, "z");
    await Promise.all(kept);
    same((await reopened(database)).ids, ["z", "a", "m"]);
  })
));

rule("each chat has its own queue", () => fresh(async (database) => {
  const { outbox } = await reopened(database);
  await Promise.all([outbox.add(item("a", "one")), outbox.add(item("b", "two"))]);
  same([outbox.next("one").clientId, outbox.next("two").clientId], ["a", "b"]);
  same([...outbox.waitingChats()], ["one", "two"]);
}));

rule("what is stored is forgotten, also after a reload", () => fresh(async (database) => {
  const { outbox } = await reopened(database);
  await outbox.add(item("a"));
  await outbox.remove("a");
  same(outbox.next("c"), undefined);
  same((await reopened(database)).ids, []);
}));

rule("what failed lets the next one pass, keeps its reason, and waits again when told to", () => (
  fresh(async (database) => {
    const { outbox } = await reopened(database);
    await Promise.all([outbox.add(item("a")), outbox.add(item("b"))]);
    await outbox.fail("a", { reason: "too long" });
    same(outbox.next("c").clientId, "b");
    const { items, outbox: after } = await reopened(database);
    same([items[0].state, items[0].reason], ["failed", "too long"]);
    await after.retry("a", { reason: undefined });
    same(after.next("c").clientId, "a");
  })
));

rule("a window leaves alone what a living one wrote, and takes over from one that is gone", () => (
  fresh(async (database) => {
    const locks = new Locks();
    const { outbox } = await reopened(database, locks, "first");
    await outbox.add(item("a"));
    same((await reopened(database, locks, "second")).ids, []);
    locks.names.delete("first");
    same((await reopened(database, locks, "third")).ids, ["a"]);
  })
));

rule("a window hears what another one wrote, and sends it when that one is gone", () => (
  fresh(async (database) => {
    const locks = new Locks();
    const taken = [];
    const second = (await reopened(database, locks, "second", {
      onTaken: () => taken.push("taken"),
    })).outbox;
    const tabs = { say: ({ unsent }) => second.heard(unsent) };
    const { outbox: first } = await reopened(database, locks, "first", { tabs });
    await Promise.all([first.add(item("a")), first.add(item("b"))]);
    await first.remove("b", "stored");
    same([second.of("c").map((one) => one.clientId), second.next("c")], [["a"], undefined]);
    locks.die("first");
    same([second.next("c").clientId, taken], ["a", ["taken"]]);
  })
));

rule("what a window held back when it went away is not held back any longer", () => (
  fresh(async (database) => {
    const { outbox } = await reopened(database, new Locks(), "first");
    await outbox.add({ ...item("a"), kind: "delete", state: "held" });
    same(outbox.next("c"), undefined);
    same((await reopened(database)).outbox.next("c").clientId, "a");
  })
));

rule("without locks a window takes over everything, which clientId makes safe", () => (
  fresh(async (database) => {
    const first = new Outbox({ database, window: "first", locks: undefined, tabs: NOBODY });
    await first.load();
    await first.add(item("a"));
    const second = new Outbox({ database, window: "second", locks: undefined, tabs: NOBODY });
    same((await second.load()).length, 1);
  })
));

rule("erasing leaves nothing for the next person", async () => {
  const name = `rules ${crypto.randomUUID()}`;
  const database = new Database(name);
  await (await reopened(database)).outbox.add(item("a"));
  await database.erase();
  const again = new Database(name);
  same((await reopened(again)).ids, []);
  await again.erase();
});

rule("where somebody was signed out the next one in the same window has what was unsent", () => (
  fresh(async (database) => {
    const held = new Map();
    const locks = {
      async request(name, call) {
        held.set(name, call());
        await held.get(name);
        held.delete(name);
      },
      query: async () => ({ held: [...held.keys()].map((name) => ({ name })) }),
    };
    const { outbox } = await reopened(database, locks, "first");
    await outbox.add(item("a"));
    outbox.end();
    await settle();
    same((await reopened(database, locks, "second")).ids, ["a"]);
    await outbox.retry("a", {});
    same((await database.all("outbox"))[0].window, "second");
  })
));
