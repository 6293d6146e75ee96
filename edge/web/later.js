/**
 * Parts that are not visible at first: fetched when the page is idle, or on demand.
 */
import { Aids } from "./aids.js";
import { openChatMenu } from "./chat-choices.js";
import { Finder } from "./finder.js";
import { openKeys } from "./keys-sheet.js";
import { openNewChat } from "./new-chat.js";
import { Panel } from "./panel.js";
import { openPersonMenu } from "./person-menu.js";
import { openSettings } from "./settings.js";
import { stayAboveKeyboard } from "./soft-keyboard.js";
import { Standby } from "./standby.js";

export const later = {
  Aids, Finder, Panel, Standby, openChatMenu, openKeys, openNewChat, openPersonMenu, openSettings,
};

stayAboveKeyboard(visualViewport);
