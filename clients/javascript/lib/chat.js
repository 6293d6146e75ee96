/**
 * One chat: its current messages, and what a user can do in it.
 */
import { sendFile } from "./files.js";
import { newId } from "./ids.js";
import { Timeline } from "./timeline.js";

const PAGE = 50;
const MAX_KEPT = 5_000; // events, unless the program has loaded more
const MAX_MORE = 500; // since the last page, before the oldest are dropped
const REPLIES = "5f0c8a1e6d0b4a569a3e2f4f2f1f9b77";

/**
 * Get one from `Client.chat`. Changes are made in the order of the calls; each call returns when
 * its change is stored, and raises Refused if the server rejects it. After Unauthenticated (the
 * session has ended) and NoAnswer (the client was closed), the change is kept and sent when the
 * same user is back: do not call again.
 */
export class Chat {
  #client;
  #shown;
  #path;
  #timeline = null; // until `load`
  #most = MAX_KEPT;

  constructor(client, id, shown) {
    this.#client = client;
    this.#shown = shown; // chat -> seq up to which it was loaded
    this.#path = `/api/chat/${id}`;
    this.id = id;
    this.hasOlder = false;
  }

  /** The loaded messages and those received since, oldest first, each in its current state. */
  get messages() {
    const items = this.#timeline?.tail.items ?? [];
    return items.filter(({ type }) => type === "message").map(({ asOf: _, ...message }) => message);
  }

  /** Loads the newest messages; from then on `messages` stays current. */
  async load(limit = PAGE) {
    this.#timeline = null;
    let own = null;
    for (;;) {
      this.#timeline ??= own = new Timeline(this.#client.user, this.#client.cursor(this.id));
      const timeline = this.#timeline;
      const page = await this.#page(`limit=${limit}`).catch((error) => {
        if (own === this.#timeline) this.#timeline = null; // not that of another call
        throw error;
      });
      if (timeline !== this.#timeline) continue; // reloaded meanwhile, or from another history
      // The page contains events up to its seq; those up to the cursor do not come again.
      const seq = Math.max(page.seq, this.#client.cursor(this.id));
      if (seq > timeline.cursor) timeline.reset(seq);
      if (this.#cover(page, page.seq)) {
        this.#shown.set(this.id, page.seq);
        return this.messages;
      }
    }
  }

  /** Loads one more page before the oldest loaded message, or the newest page if there is none. */
  async loadOlder(limit = PAGE) {
    const timeline = this.#timeline;
    if (timeline === null) return this.load(limit);
    while (this.hasOlder) {
      const { from } = timeline.tail;
      const page = await this.#page(`before=${from}&limit=${limit}`);
      if (timeline !== this.#timeline || from !== timeline.tail.from) break;
      if (this.#cover(page, from - 1)) break;
    }
    return this.messages;
  }

  /** The chat as returned by `GET /api/chat/{id}`. */
  details() {
    return this.#client.rest.call("GET", this.#path);
  }

  #page(query) {
    return this.#client.rest.call("GET", `${this.#path}/message?${query}`);
  }

  /** False if the page is older than what the program has seen. */
  #cover({ messages, more, seq }, to) {
    const items = messages.toReversed();
    const from = more ? items[0].seq : 1;
    const isTaken = this.#timeline.cover({ from, to, items, asOf: seq });
    if (isTaken) {
      this.hasOlder = more;
      this.#most = Math.max(MAX_KEPT, this.#timeline.tail.items.length);
    }
    return isTaken;
  }

  /** Called by the client with each event of the chat, in order. */
  apply(event) {
    const timeline = this.#timeline;
    if (timeline === null) return;
    if (event.seq > timeline.cursor + 1) { // a user who joins again starts over
      timeline.reset(event.seq - 1);
      this.#most = MAX_KEPT;
      this.hasOlder = true;
    }
    timeline.apply(event);
    if (timeline.tail.items.length > this.#most + MAX_MORE) {
      timeline.trim(this.#most);
      this.hasOlder = true;
    }
  }

  /** The server's history was replaced: `load` starts over. */
  forget() {
    this.#timeline = null;
    this.hasOlder = false;
  }

  /**
   * `key` is a UUID; a second send with the same key has no effect and returns the first result. A
   * bot that derives it from what it answers (`replyKey`) answers once, however often it is
   * started. Returns `{messageId, seq, at}`.
   */
  async send(text, { replyTo, mentions = [], attachments = [], key = newId() } = {}) {
    const body = { message: text, clientId: key };
    if (replyTo !== undefined) body.replyTo = replyTo;
    if (mentions.length > 0) body.mentions = mentions;
    if (attachments.length > 0) body.attachments = attachments;
    return sent(await this.#put("POST", "/message", body, key));
  }

  /** Without `mentions` the message keeps its own. Returns `{messageId, seq, at}`. */
  async edit(messageId, text, { mentions } = {}) {
    const body = { message: text, mentions };
    return sent(await this.#put("PATCH", `/message/${messageId}`, body));
  }

  /** Deletes the message for everybody, permanently. */
  async delete(messageId) {
    await this.#put("DELETE", `/message/${messageId}`);
  }

  async react(messageId, emoji) {
    await this.#put("PUT", reactionPath(messageId, emoji));
  }

  async unreact(messageId, emoji) {
    await this.#put("DELETE", reactionPath(messageId, emoji));
  }

  /** Moves the user's read marker forward to this seq, on all devices. */
  async read(upTo) {
    await this.#put("PUT", "/read", { upTo });
  }

  /** Marks the chat as unread from this seq on. */
  async markUnread(seq) {
    await this.#put("PUT", "/unread", { from: seq });
  }

  /** Tells the others that the user is typing. Has no effect while disconnected. */
  typing() {
    this.#client.say({ type: "typing", chat: this.id });
  }

  async add(...users) {
    await this.#put("POST", "/participant", { userIds: users });
  }

  async remove(user) {
    await this.#put("DELETE", `/participant/${user}`);
  }

  async leave() {
    await this.remove(this.#client.user);
  }

  async rename(name) {
    await this.#put("PATCH", "", { chatName: name });
  }

  /**
   * For `send(text, {attachments: [file.id]})`. `data` is anything that fetch accepts as a body.
   * `onProgress(part)` gets the sent part, from 0 to 1, in browsers. Returns `{id, name, type,
   * size}`.
   */
  upload(name, data, options) {
    const path = `${this.#path}/file?name=${encodeURIComponent(name)}`;
    return sendFile(this.#client.rest, path, data, options);
  }

  /** The file's bytes in pieces: `for await (const piece of chat.download(id))`. */
  download(fileId) {
    return this.#client.rest.download(`${this.#path}/file/${fileId}`);
  }

  #put(method, path, body, key = newId()) {
    const change = { key, chat: this.id, method, path: this.#path + path, body };
    return this.#client.outbox.put(change);
  }
}

/** A deterministic key for the answer to an event (a UUID of version 5). */
export async function replyKey({ chat, seq }) {
  const space = REPLIES.match(/../g).map((byte) => Number.parseInt(byte, 16));
  const name = new TextEncoder().encode(`${chat} ${seq}`);
  const hash = await crypto.subtle.digest("SHA-1", new Uint8Array([...space, ...name]));
  const bytes = new Uint8Array(hash).slice(0, 16);
  bytes[6] = (bytes[6] & 0x0f) | 0x50;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function reactionPath(messageId, emoji) {
  return `/message/${messageId}/reaction/${encodeURIComponent(emoji)}`;
}

function sent({ messageInfo: { messageId, seq, at } }) {
  return { messageId, seq, at };
}
