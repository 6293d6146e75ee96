import { Database } from "/web/storage/database.js";
import { rule, same } from "./checks.js";

function mark(chat, draft) {
  return { chat, draft };
}

/** A window that closes before IndexedDB has committed anything. */
async function putAndVanish(name, ...marks) {
  const vanishing = new Database(name);
  vanishing.putAll = async () => {
    throw new Error("the page has gone");
  };
  await vanishing.putLast("drafts", marks).catch(() => {});
}

async function storesOf(name) {
  const opened = await new Promise((resolve) => {
    const request = indexedDB.open(name);
    request.onsuccess = () => resolve(request.result);
  });
  const stores = [...opened.objectStoreNames];
  opened.close();
  return stores;
}

async function fresh(check) {
  const name = `rules ${crypto.randomUUID()}`;
  await check(name);
  await new Database(name).erase();
}

rule("what was read ahead is given once, and read anew after that", () => fresh(async (name) => {
  const database = new Database(name);
  await database.put("names", { id: "a" });
  database.readAhead(["names"]);
  await database.put("names", { id: "b" });
  same(await database.all("names"), [{ id: "a" }]);
  same(await database.all("names"), [{ id: "a" }, { id: "b" }]);
}));

rule("what was put as the page went away is there when it opens again", () => (
  fresh(async (name) => {
    await new Database(name).put("drafts", mark("a", "before"));
    await putAndVanish(name, mark("a", "last"), mark("b", "also"));
    await putAndVanish(name, mark("b", "of another window"));
    const there = [mark("a", "last"), mark("b", "of another window")];
    same(await new Database(name).all("drafts"), there);
    same(await new Database(name).all("drafts"), there);
  })
));

rule("what was put later is not undone by what was put as the page went away", () => (
  fresh(async (name) => {
    const database = new Database(name);
    await database.putLast("drafts", [mark("a", "hidden")]);
    await database.put("drafts", mark("a", "shown again"));
    same(await new Database(name).all("drafts"), [mark("a", "shown again")]);
  })
));

rule("who logs out leaves nothing", () => (
  fresh(async (name) => {
    const database = new Database(name);
    await database.all("drafts");
    await putAndVanish(name, mark("a", "last"));
    await database.erase();
    same(await new Database(name).all("drafts"), []);
    same(Object.keys(localStorage).filter((key) => key.startsWith(name)), []);
  })
));

rule("nothing stays in localStorage once the database has it", () => (
  fresh(async (name) => {
    await putAndVanish(name, mark("a", "last"));
    await new Database(name).all("drafts");
    await new Database(name).putLast("drafts", [mark("b", "put in time")]);
    same(Object.keys(localStorage).filter((key) => key.startsWith(name)), []);
  })
));

rule("each account and each store has its own", () => (
  fresh(async (name) => {
    await putAndVanish(name, mark("a", "last"));
    await fresh(async (other) => same(await new Database(other).all("drafts"), []));
    same(await new Database(name).all("names"), []);
    same(await new Database(name).all("drafts"), [mark("a", "last")]);
  })
));

rule("drafts that the first version kept are there when it opens, read markers are not", () => fresh(async (name) => {
  await new Promise((resolve) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      const { result } = request;
      result.createObjectStore("outbox", { keyPath: "clientId" });
      result.createObjectStore("names", { keyPath: "id" });
      const marks = result.createObjectStore("marks", { keyPath: "chat" });
      marks.put({ chat: "a", read: 7, draft: "half a", latest: null });
      marks.put({ chat: "b", read: null, draft: "", latest: null });
    };
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
  });
  const database = new Database(name);
  same((await database.all("drafts"))[0], { chat: "a", draft: "half a" });
  same(await storesOf(name), ["chats", "drafts", "logs", "names", "outbox"]);
}));

async function isThere(name) {
  return (await indexedDB.databases()).some((database) => database.name === name);
}

rule("what comes after the erasing is kept nowhere, whichever window has erased it", async () => {
  const name = `rules ${crypto.randomUUID()}`;
  const [here, there] = [new Database(name), new Database(name)];
  await here.put("drafts", mark("a", "before"));
  await there.put("drafts", mark("b", "before"));
  await there.erase();
  for (const database of [here, there]) {
    await database.put("drafts", mark("a", "late"));
    await database.putLast("drafts", [mark("a", "late")]);
    await database.clear("chats");
    same(await database.all("drafts"), []);
  }
  same(await isThere(name), false);
  same(Object.keys(localStorage).filter((key) => key.startsWith(name)), []);
});

rule("where localStorage is full the database has what was put as the page went away", () => (
  fresh(async (name) => {
    const { setItem } = Storage.prototype;
    Storage.prototype.setItem = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
    try {
      await new Database(name).putLast("drafts", [mark("a", "last")]);
    } finally {
      Storage.prototype.setItem = setItem;
    }
    same(await new Database(name).all("drafts"), [mark("a", "last")]);
  })
));

rule("what was put is kept when all of it is, and a browser that is full has kept nothing", () => (
  fresh(async (name) => {
    const database = new Database(name);
    await database.put("drafts", mark("a", "there"));
    const { put } = IDBObjectStore.prototype;
    const { commit } = IDBTransaction.prototype;
    IDBTransaction.prototype.commit = () => {};
    IDBObjectStore.prototype.put = function putInVain(value) {
      const request = put.call(this, value);
      request.addEventListener("success", () => this.transaction.abort());
      return request;
    };
    const said = await database.put("drafts", mark("a", "in vain")).then(
      () => "kept", () => "refused",
    );
    Object.assign(IDBObjectStore.prototype, { put });
    Object.assign(IDBTransaction.prototype, { commit });
    same([said, await database.all("drafts")], ["refused", [mark("a", "there")]]);
  })
));
