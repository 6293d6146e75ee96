/**
 * The REST calls that the page makes, each by its name. Adds the token, renews it once when it is
 * refused, and repeats what is safe to repeat. Knows no view.
 */
import { Refusal, Unreachable, exchange } from "./client/exchange.js";

const REPEAT_FOR_MS = 5_000;
const PAUSE_MS = 300;

export class Api {
  #fetch;
  #session;
  #clock;

  constructor({ fetch, session, clock }) {
    this.#fetch = fetch;
    this.#session = session;
    this.#clock = clock;
  }

  /**
   * What every view begins with, asked at once: `{me, chats}`, promises whose failure is told to
   * whoever waits for them.
   */
  beginning() {
    const asked = { me: this.me(), chats: this.chats() };
    for (const one of Object.values(asked)) one.catch(() => {});
    return asked;
  }

  async me() {
    return (await this.#repeat("GET", "/api/user/me")).user;
  }

  async changeMe(changes) {
    return (await this.#call("PATCH", "/api/user/me", { body: changes })).user;
  }

  /** At most 200 people by their ids; those that there are not are left out. */
  async users(ids) {
    return (await this.#repeat("GET", `/api/user?ids=${ids.join(",")}`)).users;
  }

  /** At most 20 people whose name starts so. */
  async usersNamed(start) {
    return (await this.#repeat("GET", `/api/user?username=${encodeURIComponent(start)}`)).users;
  }

  /** `{messages, next}` of all chats that have these words, newest first. Asks once. */
  async search(text, { before, limit }) {
    const edge = before === null ? "" : `&before=${encodeURIComponent(before)}`;
    return this.#call("GET", `/api/search?q=${encodeURIComponent(text)}&limit=${limit}${edge}`);
  }

  /** `{chats, next}`, in the order of their last messages, newest first. */
  async chats(before) {
    const edge = before ? `&before=${encodeURIComponent(before)}` : "";
    return this.#repeat("GET", `/api/chat?order=activity&limit=200${edge}`);
  }

  async chat(id) {
    return this.#repeat("GET", `/api/chat/${id}`);
  }

  async createChat({ participants, chatName }, key) {
    const body = { participants, chatName };
    return (await this.#repeat("POST", "/api/chat", { body, key })).chat;
  }

  async markUnread(id, from) {
    return this.#repeat("PUT", `/api/chat/${id}/unread`, { body: { from } });
  }

  /** `{notify}`, `{archived}` or both; gives all that is the person's own of the chat. */
  async changeMine(id, changes) {
    return (await this.#call("PATCH", `/api/chat/${id}/mine`, { body: changes })).mine;
  }

  /** The one chat of two people; made where there is none. */
  async directChat(userId) {
    return (await this.#repeat("PUT", `/api/user/${userId}/direct`)).chat;
  }

  /** `{chatName}`, `{topic}` (null takes it away) or both. */
  async changeChat(id, changes) {
    return this.#call("PATCH", `/api/chat/${id}`, { body: changes });
  }

  /** Sets its topic; null takes it away. */
  async deleteChat(id) {
    return this.#call("DELETE", `/api/chat/${id}`);
  }

  async addPeople(id, userIds, key) {
    return this.#repeat("POST", `/api/chat/${id}/participant`, { body: { userIds }, key });
  }

  async removePerson(id, userId) {
    return this.#call("DELETE", `/api/chat/${id}/participant/${userId}`);
  }

  /** `{events, seq, more}`: the events after a seq, ascending, at most `limit` (1 to 200). */
  async events(id, after, limit) {
    return this.#repeat("GET", `/api/chat/${id}/events?after=${after}&limit=${limit}`);
  }

  /** `{messages, more, seq}`, newest first: the last before a seq, the first after one, or the last. */
  async messages(id, { before, after, limit }) {
    const edge = before ? `before=${before}&` : after !== undefined ? `after=${after}&` : "";
    return this.#repeat("GET", `/api/chat/${id}/message?${edge}limit=${limit}`);
  }

  async message(id, messageId) {
    return this.#repeat("GET", `/api/chat/${id}/message/${messageId}`);
  }

  /** These four ask once: who keeps what is unsent repeats them, with the same key. */
  async editMessage(id, messageId, { message, mentions }, key) {
    const path = `/api/chat/${id}/message/${messageId}`;
    return (await this.#call("PATCH", path, { body: { message, mentions }, key })).messageInfo;
  }

  async deleteMessage(id, messageId, key) {
    return this.#call("DELETE", `/api/chat/${id}/message/${messageId}`, { key });
  }

  async addReaction(id, messageId, emoji) {
    return this.#call("PUT", reactionPath(id, messageId, emoji));
  }

  async removeReaction(id, messageId, emoji) {
    return this.#call("DELETE", reactionPath(id, messageId, emoji));
  }

  /** Of requests that are made elsewhere. */
  async headers(key) {
    const token = await this.#session.token();
    return { Authorization: `Bearer ${token}`, "Idempotency-Key": key };
  }

  async deleteFile(id, fileId) {
    return this.#call("DELETE", `/api/chat/${id}/file/${fileId}`);
  }

  /** `{links: {fileId: {url, previewUrl}}, expiresIn}`. */
  async fileLinks(id, files) {
    return this.#repeat("POST", `/api/chat/${id}/file/link`, { body: { files } });
  }

  /** What few views ask for, by its path; `isSafe` where it may be done twice. */
  call(method, path, { isSafe, ...request } = {}) {
    return isSafe ? this.#repeat(method, path, request) : this.#call(method, path, request);
  }

  /** Repeats while the outcome is open, for 5 s; only for what may be done twice. */
  async #repeat(method, path, request = {}) {
    const until = this.#clock.now() + REPEAT_FOR_MS;
    for (;;) {
      try {
        return await this.#call(method, path, request);
      } catch (error) {
        if (!(error instanceof Unreachable) || this.#clock.now() >= until) throw error;
      }
      await new Promise((resolve) => this.#clock.after(PAUSE_MS, resolve));
    }
  }

  async #call(method, path, { body, key } = {}) {
    const token = await this.#session.token();
    try {
      return await this.#exchange(method, path, body, key, token);
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== "unauthenticated") throw error;
    }
    return this.#exchange(method, path, body, key, await this.#session.renew(token));
  }

  #exchange(method, path, body, key, token) {
    const headers = { Authorization: `Bearer ${token}` };
    if (key) headers["Idempotency-Key"] = key;
    return exchange(this.#fetch, method, path, { body, headers });
  }
}

function reactionPath(id, messageId, emoji) {
  return `/api/chat/${id}/message/${messageId}/reaction/${encodeURIComponent(emoji)}`;
}
