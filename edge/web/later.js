/**
 * What nobody sees at first and everybody wants at some time: the page fetches it when it is idle,
 * or when somebody asks for it.
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
