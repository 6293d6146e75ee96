/**
 * One chat's events in order of seq, and what its reader has written that is not yet among them;
 * then the rows that a log shows of both. Pure: no DOM, no network, no clock.
 */

const GROUP_MS = 5 * 60_000;

export class Timeline {
  #me;
  #early = new Map(); // seq -> event that came before one with a lower seq

  /** `cursor` is the seq up to which everything counts as applied. */
  constructor(me, cursor) {
    this.#me = me;
    this.outgoing = [];
    this.reset(cursor);
  }

  /** Forgets the events and goes on after `cursor`; what is unsent stays. */
  reset(cursor) {
    this.events = []; // without holes, the last one has seq `cursor`
    this.cursor = cursor;
    this.outgoing = this.outgoing.filter((item) => item.state !== "sent" || item.seq > cursor);
    for (const seq of [...this.#early.keys()]) if (seq <= cursor) this.#early.delete(seq);
    return this.#drain();
  }

  /** The seq of the oldest event here; one above the cursor when there is none. */
  get first() {
    return this.cursor - this.events.length + 1;
  }

  /** True while an event is missing that a later one has shown to exist. */
  get hasHole() {
    return this.#early.size > 0;
  }

  /** The events that this one made part of the order: none when it is old or ahead of a hole. */
  apply(event) {
    if (event.seq <= this.cursor) return [];
    this.#early.set(event.seq, event);
    return this.#drain();
  }

  /** Adds a page that ends just before the first event here; anything else changes nothing. */
  prepend(page) {
    const older = page.filter((event) => event.seq < this.first);
    const joins = older.length > 0 && older.at(-1).seq === this.first - 1;
    const dense = older.every((event, n) => n === 0 || event.seq === older[n - 1].seq + 1);
    if (joins && dense) this.events = [...older, ...this.events];
    return joins && dense;
  }

  /** Keeps the newest `count` events. */
  trim(count) {
    if (this.events.length > count) this.events = this.events.slice(-count);
  }

  /** Events from one seq to another, both included. */
  slice(from, to) {
    return this.events.slice(Math.max(0, from - this.first), Math.max(0, to - this.first + 1));
  }

  /** How many messages of others, or invitations by them, have a seq above `read`. */
  newsAfter(read) {
    let count = 0;
    for (let n = this.events.length - 1; n >= 0 && this.events[n].seq > read; n -= 1) {
      if (isNews(this.events[n], this.#me)) count += 1;
    }
    return count;
  }

  /** Puts a message at the end that has no seq yet: `{clientId, text, at}`. */
  write(item) {
    if (!this.#outgoingAt(item.clientId)) this.outgoing.push({ state: "pending", ...item });
  }

  /** The server has stored it as `seq`. Its event may be here already or come later. */
  settle(clientId, seq) {
    if (seq <= this.cursor) this.discard(clientId);
    else this.#change(clientId, { state: "sent", seq });
  }

  fail(clientId, reason) {
    this.#change(clientId, { state: "failed", reason });
  }

  retry(clientId) {
    this.#change(clientId, { state: "pending", reason: undefined });
  }

  discard(clientId) {
    this.outgoing = this.outgoing.filter((item) => item.clientId !== clientId);
  }

  #drain() {
    const applied = [];
    for (let event; (event = this.#early.get(this.cursor + 1)); ) {
      this.#early.delete(event.seq);
      this.cursor = event.seq;
      this.events.push(event);
      if (event.by === this.#me && event.clientId) this.discard(event.clientId);
      applied.push(event);
    }
    return applied;
  }

  #outgoingAt(clientId) {
    return this.outgoing.find((item) => item.clientId === clientId);
  }

  #change(clientId, changes) {
    const item = this.#outgoingAt(clientId);
    if (item) Object.assign(item, changes);
  }
}

/** Whether an event is something new to a reader, and not only a change of the chat. */
export function isNews(event, me) {
  return event.by !== me && (event.type === "message" || event.type === "chat.created");
}

/**
 * The rows of a log: day lines, one "New" line after the seq `newAfter` (null: none), messages
 * grouped by author, notes for other events, the unsent at the end. `dayOf(at)` gives the
 * reader's local day as `YYYY-MM-DD`. Keys stay the same from written to stored.
 */
export function rowsOf(events, outgoing, { me, newAfter, dayOf }) {
  const rows = [];
  let day = "";
  let group = null; // the row that opened the group: same author, within five minutes
  const begin = (at) => {
    if (dayOf(at) <= day) return; // clocks of servers differ by a little, days never go back
    day = dayOf(at);
    rows.push({ key: `day ${day}`, kind: "day", day });
    group = null;
  };
  const line = (row) => {
    row.first = group === null || group.by !== row.by || Date.parse(row.at) - group.time > GROUP_MS;
    if (row.first) group = { by: row.by, time: Date.parse(row.at) };
    rows.push(row);
  };
  // A line above the first event that is here would claim to know what is not loaded.
  let marked = newAfter === null || events.length === 0 || events[0].seq > newAfter + 1;
  for (const event of events) {
    begin(event.at);
    if (!marked && event.seq > newAfter && isNews(event, me)) {
      rows.push({ key: "new", kind: "new" });
      group = null;
      marked = true;
    }
    if (event.type === "message") line(storedLine(event, me));
    else {
      rows.push({ key: `seq ${event.seq}`, kind: "note", event, at: event.at, seq: event.seq });
      group = null;
    }
  }
  for (const item of outgoing) {
    begin(item.at);
    line({ ...item, key: ownKey(item.clientId), kind: "line", by: me, mine: true });
  }
  return rows;
}

function storedLine(event, me) {
  const mine = event.by === me;
  return {
    // Somebody else may have used the same clientId: only one's own names a row.
    key: mine && event.clientId ? ownKey(event.clientId) : `seq ${event.seq}`,
    kind: "line",
    by: event.by,
    mine,
    at: event.at,
    seq: event.seq,
    text: event.message,
    state: "stored",
  };
}

function ownKey(clientId) {
  return `own ${clientId}`;
}
