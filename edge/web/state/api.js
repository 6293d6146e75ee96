/**
 * The REST calls of the page, one method each. Knows no view.
 */
import { refusal } from "../client/errors.js";

export class Api {
  #rest;

  constructor({ rest }) {
    this.#rest = rest;
  }

  /** The session is over: nothing more is asked, as the user of the next one least of all. */
  end() {
    const refuse = async () => {
      throw refusal(401, { code: "unauthenticated" });
    };
    this.#rest = { call: refuse, authorized: refuse, attemptOnUnload: refuse };
  }

  /**
   * What every view starts with, requested at once: `{me, chats}`, promises whose errors go to
   * whoever awaits them.
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
    return (await this.#call("PATCH", "/api/user/me", changes)).user;
  }

  /** At most 200 people by their ids; unknown ones are left out. */
  async users(ids) {
    return (await this.#repeat("GET", `/api/user?ids=${ids.join(",")}`)).users;
  }

  /** At most 20 people whose name has this prefix. */
  async usersNamed(start) {
    return (await this.#repeat("GET", `/api/user?username=${encodeURIComponent(start)}`)).users;
  }

  /** `{messages, next}` with these words from all chats, newest first. Does not retry. */
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
    return (await this.#repeat("POST", "/api/chat", body, key)).chat;
  }

  async markUnread(id, from) {
    return this.#repeat("PUT", `/api/chat/${id}/unread`, { from });
  }

  /** `{notify}`, `{archived}` or both; returns all of the person's own settings of the chat. */
  async changeMine(id, changes) {
    return (await this.#call("PATCH", `/api/chat/${id}/mine`, changes)).mine;
  }

  /** The direct chat of two people; created if there is none. */
  async directChat(userId) {
    return (await this.#repeat("PUT", `/api/user/${userId}/direct`)).chat;
  }

  /** `{chatName}`, `{topic}` (null removes it) or both. */
  async changeChat(id, changes) {
    return this.#call("PATCH", `/api/chat/${id}`, changes);
  }

  async deleteChat(id) {
    return this.#call("DELETE", `/api/chat/${id}`);
  }

  async addPeople(id, userIds, key) {
    return this.#repeat("POST", `/api/chat/${id}/participant`, { userIds }, key);
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

  /** These four do not retry: the outbox repeats them with the same key. */
  async editMessage(id, messageId, { message, mentions }, key) {
    const path = `/api/chat/${id}/message/${messageId}`;
    return (await this.#call("PATCH", path, { message, mentions }, key)).messageInfo;
  }

  async deleteMessage(id, messageId, key) {
    return this.#call("DELETE", `/api/chat/${id}/message/${messageId}`, undefined, key);
  }

  /** The same for a page that is closing. */
  async deleteMessageOnUnload(id, messageId, key) {
    return this.#rest.attemptOnUnload("DELETE", `/api/chat/${id}/message/${messageId}`, key);
  }

  async addReaction(id, messageId, emoji) {
    return this.#call("PUT", reactionPath(id, messageId, emoji));
  }

  async removeReaction(id, messageId, emoji, key) {
    return this.#call("DELETE", reactionPath(id, messageId, emoji), undefined, key);
  }

  /** The result of `ask(headers)`, a request that is made elsewhere. */
  authorized(ask, key) {
    return this.#rest.authorized(ask, key);
  }

  async deleteFile(id, fileId) {
    return this.#call("DELETE", `/api/chat/${id}/file/${fileId}`);
  }

  /** `{links: {fileId: {url, previewUrl}}, expiresIn}`. */
  async fileLinks(id, files) {
    return this.#repeat("POST", `/api/chat/${id}/file/link`, { files });
  }

  /** A call that few views need, by its path; `isSafe` if it may be repeated. */
  call(method, path, { isSafe, body, key } = {}) {
    return isSafe ? this.#repeat(method, path, body, key) : this.#call(method, path, body, key);
  }

  /** Repeats while the outcome is unknown; only for calls that may be repeated. */
  #repeat(method, path, body, key) {
    return this.#rest.call(method, path, body, { key });
  }

  #call(method, path, body, key) {
    return this.#rest.call(method, path, body, { key, repeatMs: 0 });
  }
}

function reactionPath(id, messageId, emoji) {
  return `/api/chat/${id}/message/${messageId}/reaction/${encodeURIComponent(emoji)}`;
}
