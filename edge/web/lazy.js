/**
 * The way to `later.js` and its styles: one promise, begun when somebody wants it, and begun anew after a failure.
 */
import { element } from "./element.js";
import { NoAnswer } from "./client/errors.js";

export class Lazy {
  #onFailure;
  #loading = null;

  /** `onFailure(error)` when what somebody asked for could not be fetched. */
  constructor({ onFailure }) {
    this.#onFailure = onFailure;
  }

  /** Everything that `later.js` has. Raises NoAnswer where it cannot be fetched. */
  load() {
    // The same version as this module: the address names it.
    const { search } = new URL(import.meta.url);
    const both = () => {
      const script = import(`./later.js${search}`);
      return Promise.all([script, loadStyles(`/web/later.css${search}`)]);
    };
    this.#loading ??= both().then(
      ([{ later }]) => later,
      (error) => {
        this.#loading = null;
        throw new NoAnswer(error.message);
      },
    );
    return this.#loading;
  }

  /** Calls `act(later)` once it is here, and gives what that gives; null where it did not come. */
  async use(act) {
    let later;
    try {
      later = await this.load();
    } catch (error) {
      this.#onFailure(error);
      return null;
    }
    return act(later);
  }

  /** Fetches it when the browser has nothing else to do, and calls `act(later)` then. */
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
