/**
 * Shows system notifications while the user looks elsewhere: one per chat, from one of the open
 * windows. Removed as soon as the chat is read anywhere.
 */
import { isBlank } from "../client/fold.js";
import { saidIn } from "../text/said.js";
import { clockAheadMs } from "../state/server-time.js";
import { Tabs } from "../state/tabs.js";
import { isNews } from "../client/timeline.js";
import { noteOf, otherOf, titleOf } from "../text/words.js";

const ELSEWHERE_MS = 500; // the time for another window or device to report that it is read
const OLD_MS = 600_000;
const ICON = "/web/icon-192.png";

export class Alerts {
  #me;
  #names;
  #chats;
  #clock;
  #choice;
  #isAttended;
  #worker;
  #tabs;
  #speaking = new AbortController();
  #isSpeaker = false;
  #attended = new Map(); // chat -> the seq that was visible in another window
  #waiting = new Map(); // chat -> the event to notify about
  #shown = new Map(); // chat -> the seq of the notification

  /**
   * `choice` is an `AlertChoice`; `isAttended(chat)`: is the user looking at it here? `worker` is
   * the promise of a service worker's registration; `locks` as `navigator.locks`.
   */
  constructor({ me, names, chats, clock, choice, isAttended, worker, locks }) {
    this.#me = me;
    this.#names = names;
    this.#chats = chats;
    this.#clock = clock;
    this.#choice = choice;
    this.#isAttended = isAttended;
    this.#worker = worker;
    this.#tabs = new Tabs({
      name: `hubbub alerts ${me.id}`, hear: ({ chat, seq }) => this.#attended.set(chat, seq),
    });
    this.#speak(locks);
  }

  /** Whether a notification is shown that this window does not know: it may be the worker's. */
  async look() {
    if (this.#isSpeaker) await this.#takeOver();
  }

  /** An event was applied to a chat. */
  heard(chat, event) {
    if (event.type === "message.deleted" && event.of === this.#shown.get(chat.id)) {
      this.#hide(chat.id);
    }
    if (!isNews(event, this.#me.id)) return;
    if (this.#isAttended(chat)) this.#tabs.say({ chat: chat.id, seq: event.seq });
    else if (this.#choice.permission === "granted" && this.#isWanted(chat, event)) {
      this.#wait(chat, event);
    }
  }

  /** Removes notifications of chats that were read or left meanwhile. */
  tick(isLive) {
    for (const [id, seq] of this.#shown) {
      const chat = this.#chats.get(id);
      if (chat ? chat.read >= seq : isLive) this.#hide(id);
    }
  }

  end() {
    this.#speaking.abort();
    this.#tabs.end();
    for (const id of this.#shown.keys()) this.#hide(id);
  }

  /** One window has the lock; when it closes, the next one gets it. */
  async #speak(locks) {
    if (!locks) return; // on plain http, where browsers show no notifications either
    const { signal } = this.#speaking;
    const until = new Promise((resolve) => {
      signal.addEventListener("abort", resolve);
    });
    const speak = async () => {
      await this.#takeOver();
      this.#isSpeaker = true;
      await until;
      this.#isSpeaker = false;
    };
    try {
      await locks.request(`hubbub speaker ${this.#me.id}`, { signal }, speak);
    } catch (error) {
      if (error.name !== "AbortError") throw error; // signed out before its turn
    }
  }

  async #takeOver() {
    const worker = await this.#worker;
    for (const { data } of await worker?.getNotifications() ?? []) {
      if (data?.me === this.#me.id) this.#shown.set(data.chat, data.seq);
    }
  }

  #isWanted(chat, event) {
    if (this.#clock.now() - clockAheadMs() - Date.parse(event.at) > OLD_MS) return false;
    return this.#choice.wants({
      isMention: event.mentions?.includes(this.#me.id) ?? false,
      isDirect: this.#otherOf(chat) !== null,
      notify: chat.mine?.notify ?? "all",
    });
  }

  #wait(chat, event) {
    const isWaiting = this.#waiting.has(chat.id);
    this.#waiting.set(chat.id, event);
    if (isWaiting) return;
    this.#clock.after(ELSEWHERE_MS, () => {
      const last = this.#waiting.get(chat.id);
      this.#waiting.delete(chat.id);
      const isSeen = (this.#attended.get(chat.id) ?? 0) >= last.seq || chat.read >= last.seq;
      if (this.#isSpeaker && !isSeen && !this.#speaking.signal.aborted) this.#show(chat, last);
    });
  }

  async #show(chat, event) {
    const [worker] = await Promise.all([this.#worker, this.#names.need([event.by])]);
    if (this.#speaking.signal.aborted || chat.read >= event.seq) return; // meanwhile
    const now = chat.timeline.messageAt(event.seq) ?? event; // its text may have changed by now
    if (!worker || chat.detail === null || (now.type === "message" && isBlank(now))) return;
    this.#shown.set(chat.id, event.seq);
    const { unread } = chat;
    const [there] = await worker.getNotifications({ tag: chat.id });
    const title = titleOf(chat.detail, this.#me.id, (id) => this.#names.of(id));
    await worker.showNotification(unread > 1 ? `${title} (${unread} new)` : title, {
      body: this.#bodyOf(chat, now),
      tag: chat.id,
      renotify: !(there?.data?.seq >= event.seq), // the worker showed it first
      silent: !this.#choice.isLoud,
      icon: ICON,
      timestamp: Date.parse(event.at),
      data: { me: this.#me.id, chat: chat.id, seq: event.seq },
    });
  }

  #bodyOf(chat, event) {
    if (event.type !== "message") return noteOf(event, (id) => this.#names.of(id));
    const text = saidIn(this.#names.namedIn(event.message, event.mentions), event.attachments);
    return this.#otherOf(chat) === null ? `${this.#names.of(event.by)}: ${text}` : text;
  }

  #otherOf({ detail }) {
    return detail && otherOf(detail, this.#me.id);
  }

  async #hide(id) {
    this.#shown.delete(id);
    const worker = await this.#worker;
    for (const one of await worker?.getNotifications({ tag: id }) ?? []) one.close();
  }
}
