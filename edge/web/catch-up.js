/**
 * Brings chats up to date over REST: what lies between their cursor and what is known to exist, and
 * what they are. One errand at a time for a chat, again until it is done.
 */
import { NotFound } from "./client/errors.js";

const EVENTS_AT_ONCE = 200;
const SKIP_WHEN_BEHIND = 1_000;
const RETRY_MS = 2_000;
const RECOUNT_AFTER_MS = 200; // what changes one message often changes several

export class CatchUp {
  #api;
  #clock;
  #hear;
  #underway = new Map(); // chat -> whether the reader has to wait for it
  #recounted = new Set();

  /**
   * `hear` is `{took(chat, events), gone(chat), done()}`: events became part of its order, it is
   * not the person's any more, an errand ended.
   */
  constructor({ api, clock, hear }) {
    this.#api = api;
    this.#clock = clock;
    this.#hear = hear;
  }

  /** True while something is missing that the reader would see. */
  get isUnderway() {
    return [...this.#underway.values()].some(Boolean);
  }

  /** Asks what a chat is. */
  describe(chat) {
    return this.#patiently(chat, async () => chat.describe(await this.#api.chat(chat.id)));
  }

  /** Asks how much of a chat is unread, which its events alone do not tell. */
  recount(chat) {
    if (this.#recounted.has(chat)) return;
    this.#recounted.add(chat);
    this.#clock.after(RECOUNT_AFTER_MS, () => {
      this.#recounted.delete(chat);
      if (chat.isMiscounted) {
        const errand = async () => chat.describe(await this.#api.chat(chat.id));
        this.#patiently(chat, errand, { isAwaited: false });
      }
    });
  }

  /** Fetches what lies between the cursor and what is known to exist. */
  async fill(chat, head) {
    if (head <= chat.timeline.cursor && !chat.timeline.hasHole) return;
    if (head - chat.timeline.cursor > SKIP_WHEN_BEHIND) {
      this.skip(chat, head);
      return;
    }
    await this.#patiently(chat, async () => {
      for (let more = true; more || chat.timeline.hasHole; ) {
        const page = await this.#api.events(chat.id, chat.timeline.cursor, EVENTS_AT_ONCE);
        for (const event of page.events) this.#hear.took(chat, chat.apply(event));
        more = page.more;
        if (page.events.length === 0) break;
      }
    });
  }

  /** Goes on at the head: what lies before it is history. */
  skip(chat, head) {
    this.#hear.took(chat, chat.skipTo(head));
    chat.detail = { ...chat.detail, seq: 0 };
    this.describe(chat);
  }

  async #patiently(chat, errand, { isAwaited = true } = {}) {
    if (this.#underway.has(chat)) return;
    this.#underway.set(chat, isAwaited);
    try {
      await errand();
      // A hole may have shown while the errand was another one.
      if (chat.timeline.hasHole) this.#clock.after(RETRY_MS, () => this.fill(chat, 0));
    } catch (error) {
      if (error instanceof NotFound) this.#hear.gone(chat);
      else if (!error.final) {
        this.#clock.after(RETRY_MS, () => this.#patiently(chat, errand, { isAwaited }));
      }
    } finally {
      this.#underway.delete(chat);
      if (chat.isMiscounted) this.recount(chat);
      this.#hear.done();
    }
  }
}
