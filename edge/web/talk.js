/**
 * The script for an open chat: fetched after the first view, or with it if the address has a chat.
 */
import { Conversation } from "./open-chat/conversation.js";
import { lookUpMentions } from "./text/mentions.js";

export const talk = { Conversation, lookUpMentions };
