import { Database } from "/web/database.js";
import { rule, same } from "./checks.js";

function mark(chat, draft) {
  return { chat, read: 1, draft, latest: null };
}

/** A window that goes away before IndexedDB has committed anything. */
async function putAndVanish(name, ...marks) {
  const vanishing = new Database(name);
  vanishing.put = async () => {
    throw new Error("the page has gone");
  };
  await vanishing.putLast("marks", marks).catch(() => {});
}

async function fresh(check) {
  const name = `rules ${crypto.randomUUID()}`;
  await check(name);
  await new Database(name).erase();
}

rule("what was put as the page went away is there when it opens again", () => (
  fresh(async (name) => {
    await new Database(name).put("marks", mark("a", "before"));
    await putAndVanish(name, mark("a", "last"), mark("b", "also"));
    await putAndVanish(name, mark("b", "of another window"));
    const there = [mark("a", "last"), mark("b", "of another window")];
    same(await new Database(name).all("marks"), there);
    same(await new Database(name).all("marks"), there);
  })
));

rule("what was put later is not undone by what was put as the page went away", () => (
  fresh(async (name) => {
    const database = new Database(name);
    await database.putLast("marks", [mark("a", "hidden")]);
    await database.put("marks", mark("a", "shown again"));
    same(await new Database(name).all("marks"), [mark("a", "shown again")]);
  })
));

rule("who logs out leaves nothing", () => (
  fresh(async (name) => {
    const database = new Database(name);
    await database.all("marks");
    await putAndVanish(name, mark("a", "last"));
    await database.erase();
    same(await new Database(name).all("marks"), []);
    same(Object.keys(localStorage).filter((key) => key.startsWith(name)), []);
  })
));

rule("nothing stays in localStorage once the database has it", () => (
  fresh(async (name) => {
    await putAndVanish(name, mark("a", "last"));
    await new Database(name).all("marks");
    await new Database(name).putLast("marks", [mark("b", "put in time")]);
    same(Object.keys(localStorage).filter((key) => key.startsWith(name)), []);
  })
));

rule("each account and each store has its own", () => (
  fresh(async (name) => {
    await putAndVanish(name, mark("a", "last"));
    await fresh(async (other) => same(await new Database(other).all("marks"), []));
    same(await new Database(name).all("names"), []);
    same(await new Database(name).all("marks"), [mark("a", "last")]);
  })
));
