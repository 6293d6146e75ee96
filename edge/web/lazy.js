/**
 * The way to `later.js`: one promise, begun when somebody wants it, and begun anew after a failure.
 */
import { Unreachable } from "./exchange.js";

export class Lazy {
  #onFailure;
  #loading = null;

  /** `onFailure(error)` when what somebody asked for could not be fetched. */
  constructor({ onFailure }) {
    this.#onFailure = onFailure;
  }

  /** Everything that `later.js` has. Raises Unreachable where it cannot be fetched. */
  load() {
    // The same version as this module: the address names it.
    this.#loading ??= import(`./later.js${new URL(import.meta.url).search}`).then(
      (module) => module.later,
      (error) => {
        this.#loading = null;
        throw new Unreachable(error.message);
      },
    );
    return this.#loading;
  }

  /** Calls `act(later)` once it is here. */
  async use(act) {
    let later;
    try {
      later = await this.load();
    } catch (error) {
      this.#onFailure(error);
      return;
    }
    act(later);
  }

  /** Fetches it when the browser has nothing else to do, and calls `act(later)` then. */
  whenIdle(act) {
    const idle = globalThis.requestIdleCallback ?? ((call) => setTimeout(call, 1_000));
    idle(() => this.load().then(act, () => {})); // whoever wants it asks again
  }
}
