/**
 * The calls of owners and admins, one method each. Knows no view.
 */
import { newId } from "../client/ids.js";

export class Calls {
  #api;

  constructor({ api }) {
    this.#api = api;
  }

  overview() {
    return this.#api.call("GET", "/api/admin/overview");
  }

  /** `{users, next}`, newest first; `start` is a prefix of the name. */
  people(start, before) {
    return this.#read("/api/admin/user", { q: start, before, limit: 50 });
  }

  /** Returns the changed person; `changes` is `{role}`, `{active}` or both. */
  async changePerson(id, changes) {
    const path = `/api/admin/user/${id}`;
    return (await this.#api.call("PATCH", path, { body: changes, isSafe: true })).user;
  }

  /** `{url, expiresIn}`. */
  makeReset(id) {
    return this.#change("POST", `/api/admin/user/${id}/reset`);
  }

  deletePerson(id, { messages }) {
    return this.#change("DELETE", `/api/admin/user/${id}${messages ? "?messages=true" : ""}`);
  }

  async invitations() {
    return (await this.#read("/api/invite")).invites;
  }

  /** `wanted` is `{uses, days, role, chat}`; the last two may be undefined. */
  async invite(wanted) {
    return (await this.#change("POST", "/api/invite", wanted)).invite;
  }

  revoke(code) {
    return this.#change("DELETE", `/api/invite/${code}`);
  }

  /** `{entries, next}`, newest first. */
  log(before) {
    return this.#read("/api/admin/log", { before, limit: 50 });
  }

  /** Returns the changed instance. */
  async changeInstance(changes) {
    const path = "/api/admin/instance";
    return (await this.#api.call("PATCH", path, { body: changes, isSafe: true })).instance;
  }

  /** At most 200 people by their ids; unknown ones are left out. */
  peopleOf(ids) {
    return this.#api.users(ids);
  }

  /** All groups of the caller. */
  async chats() {
    const found = [];
    let before = null;
    do {
      const { chats, next } = await this.#api.chats(before);
      found.push(...chats.filter(({ kind }) => kind === "group"));
      before = next;
    } while (before !== null);
    return found;
  }

  #read(path, query = {}) {
    const asked = Object.entries(query).filter(([, value]) => value);
    const text = asked.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
    return this.#api.call("GET", text ? `${path}?${text}` : path, { isSafe: true });
  }

  #change(method, path, body) {
    return this.#api.call(method, path, { body, key: newId(), isSafe: true });
  }
}
