/**
 * Parts that are not visible at first: fetched when the page is idle, or on demand.
 */
import { Aids } from "./open-chat/aids.js";
import { openChatMenu } from "./side/chat-choices.js";
import { Finder } from "./finder/finder.js";
import { openKeys } from "./frame/keys-sheet.js";
import { openNewChat } from "./frame/new-chat.js";
import { Panel } from "./panel/panel.js";
import { openPersonMenu } from "./person/person-menu.js";
import { openSettings } from "./person/settings.js";
import { stayAboveKeyboard } from "./parts/soft-keyboard.js";
import { Standby } from "./background/standby.js";

export const later = {
  Aids, Finder, Panel, Standby, openChatMenu, openKeys, openNewChat, openPersonMenu, openSettings,
};

stayAboveKeyboard(visualViewport);
