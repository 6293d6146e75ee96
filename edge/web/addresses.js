/**
 * The addresses of chats and of messages in them, as people hand them to each other.
 */

/** `seq` names a message; without one it is the chat itself. */
export function addressOf(chat, seq) {
  const at = seq === undefined ? "" : `/${seq}`;
  return `${location.origin}${location.pathname}#${chat.id}${at}`;
}

/** The chat and the seq that the page's own address names; null for what it does not name. */
export function namedHere(chats) {
  const [id, seq] = location.hash.slice(1).split("/");
  const chat = chats.get(id) ?? null;
  return { chat, seq: chat && /^\d+$/u.test(seq ?? "") ? Number(seq) : null };
}

/** `{chat, seq, hash}` of an address of a chat that is among `chats`; null for any other. */
export function namedBy(address, chats) {
  const [page, name = ""] = address.split("#");
  if (page !== `${location.origin}${location.pathname}`) return null;
  const [id, seq] = name.split("/");
  const chat = chats.get(id);
  return chat?.detail && (seq === undefined || /^\d+$/u.test(seq))
    ? { chat, seq, hash: `#${name}` } : null;
}
