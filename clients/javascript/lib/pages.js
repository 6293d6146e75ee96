/**
 * Paged results of the server: chats and search results.
 */
const CHATS_PAGE = 200;

/** The user's chats, the newest message first; at most `limit`. */
export async function readChats(rest, limit) {
  const chats = [];
  const query = new URLSearchParams({ order: "activity" });
  for (;;) {
    query.set("limit", Math.min(limit - chats.length, CHATS_PAGE));
    const page = await rest.call("GET", `/api/chat?${query}`);
    chats.push(...page.chats);
    if (page.next === null || chats.length >= limit) return chats;
    query.set("before", page.next);
  }
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
