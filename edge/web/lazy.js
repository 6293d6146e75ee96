/**
 * The way to a script that comes when it is wanted, with its styles: one promise, begun anew after a
 * failure.
 */
import { element } from "./element.js";
import { NoAnswer } from "./client/errors.js";

export class Lazy {
  #name;
  #styles;
  #onFailure;
  #loading = null;

  /**
   * `name` is that of the script and of what it exports, `styles` those that belong to it, if any;
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
      return Promise.all([script, this.#styles && loadStyles(`/web/${this.#styles}${search}`)]);
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

function loadStyles(address) {
  const there = document.querySelector(`link[href="${address}"]`);
  if (there?.sheet) return Promise.resolve();
  there?.remove(); // it did not come
  const link = element("link", { rel: "stylesheet", href: address });
  const loading = new Promise((resolve, reject) => {
    link.addEventListener("load", resolve);
    link.addEventListener("error", () => reject(new Error("The styles did not load.")));
  });
  document.head.append(link);
  return loading;
}
