/**
 * A user's own actions on a chat: mark as read, mute, archive.
 */

import { openMenu } from "../parts/menu.js";

/**
 * A menu of them, with `find()` if search is not visible; `onRead()` when the chat was marked as
 * read. The rest as `openMenu` takes it.
 */
export function openChatMenu({ chat, chats, errands, find, onRead, label, anchor, layers }) {
  const does = {
    find,
    read: () => {
      chats.markRead(chat);
      onRead();
    },
    unread: () => errands.do(chats.markUnread(chat, chat.latestNews)),
    change: (changes) => errands.do(chats.changeMine(chat, changes)),
  };
  openMenu({ label, anchor, layers, items: choicesForChat(chat, does) });
}

function choicesForChat({ unread, mine, latestNews }, does) {
  const { notify, archived } = mine;
  const tell = (wanted) => () => does.change({ notify: wanted });
  return [
    does.find && { icon: "search", label: "Find or search", take: does.find },
    unread > 0 && { icon: "check", label: "Mark as read", take: does.read },
    unread === 0 && latestNews !== null && {
      icon: "unread", label: "Mark as unread", take: does.unread,
    },
    notify === "all"
      ? { icon: "at", label: "Only mentions", take: tell("mentions") }
      : { icon: "bell", label: notify === "none" ? "Unmute" : "Every message", take: tell("all") },
    notify !== "none" && { icon: "mute", label: "Mute", take: tell("none") },
    {
      icon: "archive", label: archived ? "Bring back" : "Archive",
      take: () => does.change({ archived: !archived }),
    },
  ].filter(Boolean);
}
