/**
 * Whether the user is at this window: it is visible, and had input within the last minutes. Does
 * not know who uses this.
 */

const IDLE_MS = 300_000;
const HANDS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"];

export class Attention {
  #clock;
  #onChange;
  #isActive = true;
  #touchedAt;
  #cancel = () => {};

  /** `onChange()` when `isActive` has changed; `signal` ends it. */
  constructor({ clock, onChange, signal }) {
    this.#clock = clock;
    this.#onChange = onChange;
    this.#touchedAt = clock.now();
    const touched = () => {
      this.#touchedAt = clock.now();
      if (!this.#isActive) this.#judge();
    };
    for (const type of HANDS) {
      addEventListener(type, touched, { signal, passive: true, capture: true });
    }
    document.addEventListener("visibilitychange", () => {
      this.#touchedAt = clock.now();
      this.#judge();
    }, { signal });
    signal.addEventListener("abort", () => this.#cancel());
    this.#judge();
  }

  get isActive() {
    return this.#isActive;
  }

  #judge() {
    const now = this.#clock.now();
    this.#touchedAt = Math.min(this.#touchedAt, now); // starts over if the clock was set back
    const leftMs = this.#touchedAt + IDLE_MS - now;
    const isActive = document.visibilityState === "visible" && leftMs > 0;
    this.#cancel();
    // While it is visible, only time can end it; while it is not, only input can start it.
    this.#cancel = isActive ? this.#clock.after(leftMs, () => this.#judge()) : () => {};
    if (isActive === this.#isActive) return;
    this.#isActive = isActive;
    this.#onChange();
  }
}
