/**
 * The way to a script that comes when it is wanted, with its styles: one promise, begun anew after a
 * failure.
 */
import { NoAnswer } from "./client/errors.js";

export class Lazy {
  #name;
  #styles;
  #onFailure;
  #loading = null;

  /**
   * `name` is that of the script and of what it exports, `styles` those that belong to it;
   * `onFailure(error)` when what somebody asked for could not be fetched.
   */
  constructor({ name, styles, onFailure }) {
    this.#name = name;
    this.#styles = styles;
    this.#onFailure = onFailure;
  }

  /** Everything that the script has. Raises NoAnswer where it cannot be fetched. */
  load() {
    // The same version as this module: the address names it.
    const { search } = new URL(import.meta.url);
    const both = () => {
      const script = import(`./${this.#name}.js${search}`);
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

  /** Calls `act(script)` once it is here, and gives what that gives; null where it did not come. */
  async use(act) {
    let script;
    try {
      script = await this.load();
    } catch (error) {
      this.#onFailure(error);
      return null;
    }
    return act(script);
  }

  /** Fetches it when the browser has nothing else to do, and calls `act(script)` then. */
  whenIdle(act) {
    const idle = globalThis.requestIdleCallback ?? ((call) => setTimeout(call, 1_000));
    idle(() => this.load().then(act, () => {})); // whoever wants it asks again
  }
}

/** They wait in the page, which puts them in order: whichever comes first, the others go over it. */
function loadStyles(name) {
  const link = document.querySelector(`link[href^="/web/${name}"]`);
  if (link.sheet) return Promise.resolve();
  const loading = new Promise((resolve, reject) => {
    link.addEventListener("load", resolve, { once: true });
    link.addEventListener("error", () => {
      link.disabled = true; // the next one asks again
      reject(new Error("The styles did not load."));
    }, { once: true });
  });
  link.disabled = false;
  return loading;
}
