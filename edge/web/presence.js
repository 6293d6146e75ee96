/**
 * Who is here, of those whom somebody can see: a view asks about each person it shows, and the
 * server is told of the difference afterwards. Draws nothing.
 */

const MOST_WATCHED = 200;
const PAUSE_MS = 1_000; // a node takes one list a second

export class Presence {
  #send;
  #clock;
  #onChange;
  #known = new Map(); // id -> "online" | "away" | "offline"
  #seen = new Set(); // whom the drawing that is under way has shown
  #wanted = "";
  #told = null; // what this connection was told; null before it was told anything
  #isPausing = false;

  /** `send(ids)` is true when it went out. */
  constructor({ send, clock, onChange }) {
    this.#send = send;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** "online", "away", or "offline" also where it is not known yet. */
  of(id) {
    this.#seen.add(id);
    return this.#known.get(id) ?? "offline";
  }

  /** A drawing is done: whom it has shown is watched from now on. */
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

  /** There are people with whom one shares a chat since now: only those can be watched. */
  renew() {
    this.#told = null;
  }

  /** A new connection watches nobody yet. */
  ready() {
    this.#told = null;
    this.#tell();
  }

  /** There is no connection: nobody knows who is here. */
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

/** What stands beside a name, for those who do not see the dot; "" for who is not here. */
export function presenceInWords(state) {
  return { online: "here now", away: "away" }[state] ?? "";
}
