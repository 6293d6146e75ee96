/**
 * The way to `later.js`: one promise, begun when somebody wants it, and begun anew after a failure.
 */

export class Lazy {
  #loading = null;

  /** Everything that `later.js` has. Raises where it cannot be fetched. */
  load() {
    // The same version as this module: the address names it.
    this.#loading ??= import(`./later.js${new URL(import.meta.url).search}`).then(
      (module) => module.later,
      (error) => {
        this.#loading = null;
        throw error;
      },
    );
    return this.#loading;
  }

  /** Fetches it when the browser has nothing else to do. */
  whenIdle() {
    const idle = globalThis.requestIdleCallback ?? ((call) => setTimeout(call, 1_000));
    idle(() => this.load().catch(() => {})); // whoever wants it asks again
  }
}
