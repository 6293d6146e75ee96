/**
 * Sends a person's read markers to the server: at most twice a second per chat, and again if a
 * broken connection may have lost them. Draws nothing.
 */

const PAUSE_MS = 500;
const STORED_WITHIN_MS = 5_000; // by then the server has stored the marker

export class Markers {
  #send;
  #clock;
  #told = new Map(); // chat -> {upTo, at: ms or null while it waits}
  #pausing = new Set();

  /** `send(chat, upTo)` is true if it was sent, though it may be lost. */
  constructor({ send, clock }) {
    this.#send = send;
    this.#clock = clock;
  }

  /** A chat was read up to a seq. */
  read(chat, upTo) {
    this.#told.set(chat, { upTo, at: null });
    if (!this.#pausing.has(chat)) this.#tell(chat);
  }

  /** A chat was marked as unread: drops the earlier marker. */
  forget(chat) {
    this.#told.delete(chat);
  }

  /** The server's markers on a new connection: returns the valid ones, and sends newer ones. */
  settle(markers) {
    const settled = Object.entries(markers).map(([chat, read]) => {
      const told = this.#told.get(chat);
      if (!told || told.upTo <= read) {
        this.#told.delete(chat);
        return [chat, read];
      }
      this.#tell(chat);
      return [chat, told.upTo];
    });
    return new Map(settled);
  }

  #tell(chat) {
    const told = this.#told.get(chat);
    if (!told || !this.#send(chat, told.upTo)) return; // a new connection sends it
    told.at = this.#clock.now();
    this.#pausing.add(chat);
    this.#clock.after(PAUSE_MS, () => {
      this.#pausing.delete(chat);
      const next = this.#told.get(chat);
      if (next && next.at === null) this.#tell(chat);
    });
    this.#clock.after(STORED_WITHIN_MS, () => {
      if (this.#told.get(chat) === told) this.#told.delete(chat);
    });
  }
}
