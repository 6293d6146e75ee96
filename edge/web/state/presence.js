/**
 * The presence of visible people: a view asks about each person it shows, and changes of the set
 * are then sent to the server. Draws nothing.
 */

const MOST_WATCHED = 200;
const PAUSE_MS = 1_000; // a node accepts one list per second

export class Presence {
  #send;
  #clock;
  #onChange;
  #known = new Map(); // id -> "online" | "away" | "offline"
  #seen = new Set(); // people shown by the current drawing
  #wanted = "";
  #told = null; // the last list sent on this connection; null before the first
  #isPausing = false;

  /** `send(ids)` is true if it was sent. */
  constructor({ send, clock, onChange }) {
    this.#send = send;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** "online", "away", or "offline", also if still unknown. */
  of(id) {
    this.#seen.add(id);
    return this.#known.get(id) ?? "offline";
  }

  /** A drawing has ended: watches the people it has shown. */
  drawn() {
    this.#wanted = [...this.#seen].slice(0, MOST_WATCHED).sort().join(",");
    this.#seen.clear();
    this.#tell();
  }

  /** A frame of the server. */
  heard({ users }) {
    for (const [id, state] of Object.entries(users)) this.#known.set(id, state);
    this.#onChange();
  }

  /** The user now shares a chat with new people: only such people can be watched. */
  renew() {
    this.#told = null;
  }

  /** A new connection watches nobody yet. */
  ready() {
    this.#told = null;
    this.#tell();
  }

  /** There is no connection: presence is unknown. */
  lost() {
    this.#told = null;
    this.#known.clear();
  }

  #tell() {
    const wanted = this.#wanted;
    if (this.#isPausing || wanted === (this.#told ?? "")) return;
    if (!this.#send(wanted === "" ? [] : wanted.split(","))) return;
    this.#told = wanted;
    this.#isPausing = true;
    this.#clock.after(PAUSE_MS, () => {
      this.#isPausing = false;
      this.#tell();
    });
  }
}

/** The presence in words next to a name, for screen readers; "" if offline. */
export function presenceInWords(state) {
  return { online: "here now", away: "away" }[state] ?? "";
}
