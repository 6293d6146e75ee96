/**
 * What shows an open chat: the page fetches it behind its first view, or with it where the address
 * names a chat.
 */
import { Conversation } from "./conversation.js";

export const talk = { Conversation };
