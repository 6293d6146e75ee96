/**
 * Paged results of the server: chats and search results.
 */
const CHATS_PAGE = 200;

/** The user's chats, the newest message first; at most `limit`. */
export async function readChats(rest, limit) {
  const first = await readPage(rest, limit, null);
  const chats = [...first.chats];
  let before = first.next;
  if (before === null || chats.length >= limit) return chats;
  do {
    const page = await readPage(rest, limit - chats.length, before);
    chats.push(...page.chats);
    before = page.next;
  } while (before !== null && chats.length < limit);
  // Those with a new message meanwhile have moved to the front.
  const known = new Set(chats.map(({ id }) => id));
  const again = await readPage(rest, limit, null);
  chats.unshift(...again.chats.filter(({ id }) => !known.has(id)));
  return chats.slice(0, limit);
}

function readPage(rest, limit, before) {
  const query = new URLSearchParams({ order: "activity", limit: Math.min(limit, CHATS_PAGE) });
  if (before !== null) query.set("before", before);
  return rest.call("GET", `/api/chat?${query}`);
}

/** One page of the messages with these words: `{messages, next}`. */
export async function findMessages(rest, text, { chat, by, before, limit = 20 } = {}) {
  const query = new URLSearchParams({ q: text, limit });
  if (chat !== undefined) query.set("chat", chat);
  if (by !== undefined) query.set("by", by);
  if (before) query.set("before", before);
  const { messages, next } = await rest.call("GET", `/api/search?${query}`);
  return { messages, next };
}
