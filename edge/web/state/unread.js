/**
 * A person's read marker in a chat and the unread counts: counted by the server, updated by later
 * events. Reports when only the server can tell. Pure.
 */
import { isBlank } from "../client/fold.js";

/** The server's maximum. */
export const MOST_COUNTED = 100;

export class Unread {
  #me;
  #asOf = 0; // the seq up to which the counts are valid

  constructor(me) {
    this.#me = me;
    this.read = null; // the seq of the marker; null until known
    this.count = 0; // messages of others above the marker
    this.mentions = 0; // how many of those mention the person
    this.isStale = false;
  }

  /**
   * The server's counts as of the seq `asOf`; later events in `timeline` are added, each counted
   * once.
   */
  take({ read, unread, mentions }, asOf, timeline) {
    this.read = read;
    this.#count({ count: unread, mentions });
    this.#asOf = Math.max(asOf, timeline.cursor);
    this.isStale = false;
    if (timeline.cursor <= asOf) return;
    this.#add(timeline.tail.items.filter(({ seq }) => seq > Math.max(asOf, read)));
    this.isStale = timeline.tail.from > asOf + 1
      || timeline.changesAfter(asOf).some((event) => this.#touches(event) && event.of <= asOf);
  }

  /** An event was applied; `message` is the one it is about, in its previous state. */
  apply(event, message) {
    if (event.seq <= this.#asOf || this.read === null) return;
    this.#asOf = event.seq;
    if (event.type === "message") this.#add([event]);
    else if (this.#touches(event)) this.#alter(event, message);
  }

  /** The marker is at `read` now; recounts what is loaded in `timeline`. */
  moveTo(read, timeline) {
    if (read === this.read) return;
    this.read = read;
    const isAll = read >= Math.max(this.#asOf, timeline.cursor);
    const isLoaded = timeline.tail.from <= read + 1 && this.#asOf <= timeline.cursor;
    this.isStale = !isAll && !isLoaded;
    if (this.isStale) return;
    this.#count({ count: 0, mentions: 0 });
    if (!isAll) this.#add(timeline.tail.items.filter(({ seq }) => seq > read));
  }

  #touches({ type, of }) {
    return of > this.read && (type === "message.edited" || type === "message.deleted");
  }

  #alter(event, message) {
    if (message?.by === this.#me || (message && isBlank(message))) return;
    if (!message || this.count >= MOST_COUNTED) {
      this.isStale = true;
      return;
    }
    const isGone = event.type === "message.deleted";
    this.#count({
      count: this.count - (isGone ? 1 : 0),
      mentions: this.mentions - this.#mentionsIn(message) + (isGone ? 0 : this.#mentionsIn(event)),
    });
  }

  #add(items) {
    const news = items.filter((item) => (
      item.type === "message" && item.by !== this.#me && item.seq > this.read && !isBlank(item)
    ));
    this.#count({
      count: this.count + news.length,
      mentions: this.mentions + news.reduce((sum, item) => sum + this.#mentionsIn(item), 0),
    });
  }

  #mentionsIn({ mentions }) {
    return mentions?.includes(this.#me) ? 1 : 0;
  }

  #count({ count, mentions }) {
    this.count = Math.min(MOST_COUNTED, Math.max(0, count));
    this.mentions = Math.min(MOST_COUNTED, Math.max(0, mentions));
  }
}
