/**
 * The same person's other windows in this browser: broadcasts and receives messages. Does not know
 * their meaning.
 */

export class Tabs {
  #channel = null;

  /** `name` is the person's channel; `hear(said)` is called with messages of other windows. */
  constructor({ name, hear }) {
    if (typeof BroadcastChannel !== "function") return;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => hear(data);
  }

  say(said) {
    this.#channel?.postMessage(said);
  }

  end() {
    this.#channel?.close();
    this.#channel = null;
  }
}
