/**
 * The effects of commands on a chat, and the messages they show.
 */

/** As `commandIn` takes it. */
export function deedsFor(chat, { me, api, chats, errands, toast }) {
  const done = (doing, words) => errands.do(doing.then(() => toast.show(words)));
  const change = (changes, words) => done(chats.changeMine(chat, changes), words);
  return {
    archive: () => change({ archived: true }, "The chat is archived"),
    mute: (isMuted) => change(
      { notify: isMuted ? "none" : "all" }, isMuted ? "The chat is muted" : "The chat is not muted",
    ),
    leave: () => done(api.removePerson(chat.id, me.id), "You left the chat"),
    setTopic: (topic) => done(api.changeChat(chat.id, { topic }), "The topic is set"),
  };
}
