/**
 * Loads what a chat's timeline lacks: the newest messages, those before, after or around a seq.
 * Messages arrive in their current state; other events come from the log.
 */
import { begin, change, changesMessage } from "../client/fold.js";

const PAGE = 50;
const BEFORE_UNREAD = 10;
const EVENTS_AT_ONCE = 200;
const TRIES = 3;

export class History {
  #api;
  #underway = new Map(); // request -> promise

  constructor({ api }) {
    this.#api = api;
  }

  /** Loads what precedes the seq `from`. Like all of these, raises what the calls raise. */
  async before(chat, from) {
    if (chat.timeline.isEmpty) await this.#tail(chat, from - PAGE);
    else await this.#load(chat, { before: from, limit: PAGE });
  }

  async after(chat, to) {
    await this.#load(chat, { after: to, limit: PAGE });
  }

  async around(chat, seq) {
    const { timeline } = chat;
    const first = seq - BEFORE_UNREAD;
    if (timeline.isEmpty && timeline.cursor - first < EVENTS_AT_ONCE) {
      await this.#tail(chat, Math.min(first, timeline.cursor - PAGE + 1));
      return;
    }
    await Promise.all([
      this.#load(chat, { before: seq, limit: PAGE / 2 }),
      this.#load(chat, { after: seq - 1, limit: PAGE }),
    ]);
  }

  /**
   * The newest from a seq on: the end of the log, which contains every change of its messages, and
   * the notes between them.
   */
  #tail(chat, first) {
    const from = Math.max(1, first);
    return this.#once(`${chat.id} tail`, async () => {
      const { events } = await this.#api.events(chat.id, from - 1, EVENTS_AT_ONCE);
      const to = events.at(-1)?.seq ?? 0;
      chat.learn({ from, to, asOf: to, items: foldedOf(events) });
    });
  }

  #load(chat, wanted) {
    return this.#once(`${chat.id} ${JSON.stringify(wanted)}`, () => this.#fetch(chat, wanted));
  }

  #once(key, load) {
    if (!this.#underway.has(key)) {
      this.#underway.set(key, load().finally(() => this.#underway.delete(key)));
    }
    return this.#underway.get(key);
  }

  /** Retries if a page is older than the remembered changes, until it gets a recent one. */
  async #fetch(chat, wanted) {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const page = await this.#api.messages(chat.id, wanted);
      const known = { ...rangeOf(page, wanted), asOf: page.seq };
      const items = [...page.messages.toReversed(), ...(await this.#notes(chat, known, page))];
      if (chat.learn({ ...known, items: items.sort((a, b) => a.seq - b.seq) })) return;
    }
  }

  /** The notes between the messages in the log: joining, leaving, names. */
  async #notes(chat, { from, to }, { messages }) {
    const notes = [];
    let after = from - 1;
    // If every seq is a message's, there is nothing in between.
    for (let more = messages.length < to - from + 1; more && after < to; ) {
      const page = await this.#api.events(chat.id, after, EVENTS_AT_ONCE);
      notes.push(...page.events.filter((event) => (
        event.seq <= to && event.type !== "message" && !changesMessage(event)
      )));
      after = page.events.at(-1)?.seq ?? to;
      more = page.more;
    }
    return notes;
  }
}

/** The seqs that a page covers completely: up to where the next page begins. */
function rangeOf({ messages, more, seq }, { before, after }) {
  const oldest = messages.at(-1)?.seq;
  const newest = messages[0]?.seq;
  if (after !== undefined) return { from: after + 1, to: more ? newest : seq };
  return { from: more ? oldest : 1, to: before === undefined ? seq : before - 1 };
}

/** Folds the end of a log: changes of messages before it have no effect here. */
function foldedOf(events) {
  const items = new Map();
  for (const event of events) {
    const { type, seq, of } = event;
    if (!changesMessage(event)) items.set(seq, type === "message" ? begin(event) : event);
    else if (items.has(of)) items.set(of, change(items.get(of), event));
  }
  return [...items.values()];
}
