/**
 * A lazily loaded script with its styles: one promise, retried after a failure.
 */
import { NoAnswer } from "../client/errors.js";

export class Lazy {
  #name;
  #styles;
  #onFailure;
  #signal;
  #loading = null;

  /**
   * `name` is the name of the script and its export, `styles` are its stylesheets;
   * `onFailure(error)` when a requested script could not be fetched; after `signal` it is used no
   * more.
   */
  constructor({ name, styles, onFailure, signal }) {
    this.#name = name;
    this.#styles = styles;
    this.#onFailure = onFailure;
    this.#signal = signal;
  }

  /** The script's exports. Raises NoAnswer if it cannot be fetched. */
  load() {
    // The same version as this module, from the address.
    const { search } = new URL(import.meta.url);
    const both = () => {
      const script = import(`/web/${this.#name}.js${search}`);
      return Promise.all([script, ...this.#styles.map(loadStyles)]);
    };
    this.#loading ??= both().then(
      ([script]) => script[this.#name],
      (error) => {
        this.#loading = null;
        throw new NoAnswer(error.message);
      },
    );
    return this.#loading;
  }

  /** Calls `act(script)` once it is loaded, and returns its result; null if it is not called. */
  async use(act) {
    let script;
    try {
      script = await this.load();
    } catch (error) {
      this.#onFailure(error);
      return null;
    }
    return this.#signal?.aborted ? null : act(script);
  }

  /** Fetches it when the browser is idle, and calls `act(script)` then. */
  whenIdle(act) {
    const idle = globalThis.requestIdleCallback ?? ((call) => setTimeout(call, 1_000));
    idle(() => this.load().then(act, () => {})); // the next use tries again
  }
}

/** They are placed in the page in order, so that the cascade does not depend on load order. */
function loadStyles(name) {
  const link = document.querySelector(`link[href^="/web/${name}"]`);
  if (link.sheet) return Promise.resolve();
  const loading = new Promise((resolve, reject) => {
    link.addEventListener("load", resolve, { once: true });
    link.addEventListener("error", () => {
      link.disabled = true; // the next one tries again
      reject(new Error("The styles did not load."));
    }, { once: true });
  });
  link.disabled = false;
  return loading;
}
