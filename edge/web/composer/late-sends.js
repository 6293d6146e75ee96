/**
 * Sends a message that waits for its files, even if another chat is opened meanwhile.
 */

/**
 * `send(text, answered, attachments, chat)` sends the chat's draft, unless it has changed by then;
 * `files` are `Uploads`.
 */
export function sendLater({ chat, files, send }) {
  const { draft, answered } = chat;
  files.whenSettled(() => {
    const isChanged = chat.draft !== draft || chat.answered?.messageId !== answered?.messageId;
    if (isChanged || chat.left !== null || files.isEmpty || files.hasFailed) return;
    send(draft, answered, files.take(), chat);
  });
}
