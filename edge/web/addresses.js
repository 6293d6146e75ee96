/**
 * The addresses of chats and of messages in them, as people hand them to each other.
 */

/** `seq` names a message; without one it is the chat itself. */
export function addressOf(chat, seq) {
  const at = seq === undefined ? "" : `/${seq}`;
  return `${location.origin}${location.pathname}#${chat.id}${at}`;
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
