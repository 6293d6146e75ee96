/**
 * What nobody sees at first and everybody wants at some time: the page fetches it when it is idle,
 * or when somebody asks for it.
 */
<<<<<<< HEAD
import { Aids } from "./aids.js";
=======
import { followLink } from "./arrival.js";
>>>>>>> 49435eb (page: Links of owners, invitations and resets are followed; the instance has its name; one may delete one's account)
import { openChatMenu } from "./chat-choices.js";
import { EntryForm } from "./entry-form.js";
import { Finder } from "./finder.js";
import { openKeys } from "./keys-sheet.js";
import { openNewChat } from "./new-chat.js";
import { Panel } from "./panel.js";
import { openPersonMenu } from "./person-menu.js";
import { openSettings } from "./settings.js";
import { Standby } from "./standby.js";

export const later = {
<<<<<<< HEAD
  Aids, EntryForm, Finder, Panel, Standby, openChatMenu, openKeys, openNewChat, openPersonMenu,
  openSettings,
=======
  EntryForm, Finder, Panel, Standby, followLink, openChatMenu, openEmojiPicker, openKeys,
  openMessageMenu, openNewChat, openPersonMenu, openSettings,
>>>>>>> 49435eb (page: Links of owners, invitations and resets are followed; the instance has its name; one may delete one's account)
};
