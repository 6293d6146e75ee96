/**
 * Loads what a chat's timeline does not hold: the newest of it, what came before or after a seq,
 * what lies around one. Each page once, however often it is asked for.
 */

const TAIL = 30;
const PAGE = 50;
const MOST = 200;

export class History {
  #api;
  #underway = new Map(); // what is asked for -> promise

  constructor({ api }) {
    this.#api = api;
  }

  /** The newest events, back to the first unread one when that is not too far. */
  async tail(chat) {
    const upTo = chat.timeline.tail.from - 1;
    const length = Math.min(MOST, Math.max(TAIL, upTo - (chat.read ?? upTo)));
    await this.#load(chat, upTo - length, upTo);
  }

  /** What came before the seq `from`. Raises what the call raises, as all of these do. */
  async before(chat, from) {
    await this.#load(chat, from - 1 - PAGE, from - 1);
  }

  async after(chat, to) {
    await this.#load(chat, to, to + PAGE);
  }

  async around(chat, seq) {
    await this.#load(chat, seq - PAGE, seq + PAGE);
  }

  /** The events above `after` up to `upTo`, into the timeline. */
  #load(chat, after, upTo) {
    const key = `${chat.id} ${after} ${upTo}`;
    if (!this.#underway.has(key)) {
      const loading = this.#fetch(chat, Math.max(0, after), Math.min(upTo, chat.timeline.cursor));
      this.#underway.set(key, loading.finally(() => this.#underway.delete(key)));
    }
    return this.#underway.get(key);
  }

  async #fetch(chat, after, upTo) {
    const found = [];
    const asOf = chat.timeline.cursor;
    for (let last = after; last < upTo; last = found.at(-1).seq) {
      const { events } = await this.#api.events(chat.id, last, Math.min(MOST, upTo - last));
      if (events.length === 0) break;
      found.push(...events);
    }
    if (found.length > 0) {
      chat.learn({ from: after + 1, to: found.at(-1).seq, items: found, asOf });
    }
  }
}
