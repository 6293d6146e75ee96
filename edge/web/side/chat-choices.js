/**
 * A user's own actions on a chat: mark as read, mute, archive.
 */

import { openMenu } from "../parts/menu.js";

/** A menu of them; `does` as below, the rest as `openMenu` takes it. */
export function openChatMenu({ chat, does, ...where }) {
  openMenu({ ...where, items: choicesForChat(chat, does) });
}

/**
 * Choices for a menu; `does` is `{read(), unread(), change(changes)}`, the last as
 * `Chats.changeMine`, and `find()` if search is not visible.
 */
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
