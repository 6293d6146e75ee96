/**
 * The other windows of the same person in this browser: says something to all of them, hears what
 * they say. Knows nothing of what is said.
 */

export class Tabs {
  #channel = null;

  /** `name` is the person's; `hear(said)` gets what another window said. */
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
