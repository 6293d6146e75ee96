import { findMessages, readChats } from "/web/client/pages.js";
import { rule, same } from "./checks.js";

/** A server with that many chats, and the requests to it. */
function chatsOf(count) {
  const asked = [];
  const call = async (_, path) => {
    const query = new URL(path, "http://there").searchParams;
    const [limit, first] = [Number(query.get("limit")), Number(query.get("before"))];
    asked.push([limit, first]);
    const end = Math.min(count, first + limit);
    const chats = Array.from({ length: end - first }, (__, n) => ({ id: first + n }));
    return { chats, next: end < count ? String(end) : null };
  };
  return { asked, call };
}

async function read(count, limit) {
  const rest = chatsOf(count);
  const chats = await readChats(rest, limit);
  return [chats.length, chats.at(-1)?.id ?? null, rest.asked];
}

rule("few chats are one page", async () => {
  same(await read(3, 200), [3, 2, [[200, 0]]]);
  same(await read(0, 200), [0, null, [[200, 0]]]);
});

rule("no more chats come than are wanted", async () => {
  same(await read(450, 2), [2, 1, [[2, 0]]]);
  same(await read(450, 201), [201, 200, [[200, 0], [1, 200], [200, 0]]]);
});

rule("more chats than a page has come in several", async () => {
  same(await read(450, 10_000), [450, 449, [[200, 0], [200, 200], [200, 400], [200, 0]]]);
});

rule("a chat that moves to the front meanwhile is not missed", async () => {
  const rest = chatsOf(450);
  const call = async (...request) => {
    const page = await rest.call(...request);
    if (rest.asked.length === 2) page.chats = page.chats.filter(({ id }) => id !== 300);
    if (rest.asked.length === 4) page.chats.unshift({ id: 300 });
    return page;
  };
  const chats = await readChats({ call }, 1_000);
  same([chats.length, chats[0].id, new Set(chats.map(({ id }) => id)).size], [450, 300, 450]);
});

rule("it may have been the only one of the second page", async () => {
  const pages = [
    { chats: Array.from({ length: 200 }, (_, id) => ({ id })), next: "200" },
    { chats: [], next: null },
    { chats: Array.from({ length: 200 }, (_, n) => ({ id: n === 0 ? 200 : n - 1 })), next: "199" },
  ];
  const chats = await readChats({ call: async () => pages.shift() }, 1_000);
  same([chats.length, chats[0].id, chats[200].id], [201, 200, 199]);
});

const found = async (...wanted) => {
  const asked = [];
  const call = async (_, path) => {
    asked.push(path);
    return { messages: [], next: "n", more: "else" };
  };
  return [await findMessages({ call }, ...wanted), asked];
};

rule("a search is for words", async () => {
  same(await found("a b"), [{ messages: [], next: "n" }, ["/api/search?q=a+b&limit=20"]]);
});

rule("a search may be for what somebody has said in a chat, and go on", async () => {
  const [, asked] = await found("a", { chat: "c", by: "ben", before: "x", limit: 3 });
  same(asked, ["/api/search?q=a&limit=3&chat=c&by=ben&before=x"]);
});
