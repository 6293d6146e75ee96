/**
 * The addresses of chats and their messages, as users share them.
 */

/** `seq` is that of a message; without one it is the address of the chat. */
export function addressOf(chat, seq) {
  const at = seq === undefined ? "" : `/${seq}`;
  return `${location.origin}${location.pathname}#${chat.id}${at}`;
}

/** The chat and the seq in the page's own address; null if missing. */
export function namedHere(chats) {
  const [id, seq] = location.hash.slice(1).split("/");
  const chat = chats.get(id) ?? null;
  return { chat, seq: chat && /^\d+$/u.test(seq ?? "") ? Number(seq) : null };
}

/** `{chat, seq, hash}` for an address of one of `chats`; null for any other. */
export function namedBy(address, chats) {
  const [page, name = ""] = address.split("#");
  if (page !== `${location.origin}${location.pathname}`) return null;
  const [id, seq] = name.split("/");
  const chat = chats.get(id);
  return chat?.detail && (seq === undefined || /^\d+$/u.test(seq))
    ? { chat, seq, hash: `#${name}` } : null;
}
