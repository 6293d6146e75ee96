/**
 * The Hubbub client for JavaScript programs and pages: see clients/javascript/README.md.
 */
export { Chat, replyKey } from "./chat.js";
export { Client } from "./client.js";
export {
  Conflict, EmailTaken, Forbidden, HubbubError, InvalidCredentials, InvalidRequest, LastOwner,
  NoAnswer, NotFound, RateLimited, Refused, SignupClosed, Stopped, TooLarge, Transient,
  Unauthenticated, Unavailable, UnknownUser, UsernameTaken,
} from "./errors.js";
export { fold } from "./folded.js";
export { BrowserStore, MemoryStore } from "./store.js";
