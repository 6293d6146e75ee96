/**
 * Messages sent over the socket that have no answer yet. Knows no socket.
 */
import { NoAnswer, refusal } from "./errors.js";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Matches answers to messages by client id. */
export class Answers {
  #waiting = new Map(); // client id -> {chat, resolve, reject}

  /**
   * Whether a message would get an answer. A frame that is too long ends the socket, a refusal
   * omits a malformed client id, and the same id in two chats would be ambiguous.
   */
  canCome({ chat, clientId, ...rest }, maxBytes) {
    return UUID.test(clientId) && (this.#waiting.get(clientId)?.chat ?? chat) === chat
      && new Blob([JSON.stringify({ chat, clientId, ...rest })]).size <= maxBytes;
  }

  /** The answer to a frame. Raises Refused or NoAnswer. */
  wait({ chat, clientId }) {
    return new Promise((resolve, reject) => {
      this.#waiting.get(clientId)?.reject(new NoAnswer("It is sent again."));
      this.#waiting.set(clientId, { chat, resolve, reject });
    });
  }

  came(frame) {
    const waiting = this.#waiting.get(frame.clientId);
    this.#waiting.delete(frame.clientId);
    if (frame.type === "sent") waiting?.resolve({ messageInfo: frame });
    else waiting?.reject(refusal(0, frame, frame.retryAfter));
  }

  /** The socket has ended. */
  fail() {
    for (const { reject } of this.#waiting.values()) {
      reject(new NoAnswer("The socket ended before the answer."));
    }
    this.#waiting.clear();
  }
}
