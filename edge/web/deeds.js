/**
 * What commands do to a chat, and the words that follow.
 */

/** As `commandIn` takes it. */
export function deedsFor(chat, { me, api, errands, toast }) {
  const done = (doing, words) => errands.do(doing.then(() => toast.show(words)));
  return {
    leave: () => done(api.removePerson(chat.id, me.id), "You left the chat"),
    setTopic: (topic) => done(api.changeChat(chat.id, { topic }), "The topic is set"),
  };
}
