/**
 * What nobody sees at first and everybody wants at some time: the page fetches it when it is idle,
 * or when somebody asks for it.
 */
import { Aids } from "./aids.js";
import { followLink } from "./arrival.js";
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
  Aids, EntryForm, Finder, Panel, Standby, followLink, openChatMenu, openKeys, openNewChat,
  openPersonMenu, openSettings,
};
