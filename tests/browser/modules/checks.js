/**
 * The smallest way to state and check a rule of a module in a browser: `rule(sentence, check)`.
 * Results are in `window.results` when `window.finished` is true.
 */

const rules = [];

export function rule(sentence, check) {
  rules.push({ sentence, check });
}

/** Deep equality by JSON, since all values of the modules are JSON. */
export function same(actual, expected) {
  const [left, right] = [actual, expected].map((value) => JSON.stringify(value));
  if (left !== right) throw new Error(`${left}\n   instead of\n   ${right}`);
}

export async function settle() {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

/** A response as from `fetch`, without a browser's delay. */
export function answered(status, value, headers = {}) {
  const text = async () => JSON.stringify(value);
  return { ok: status < 400, status, headers: new Headers(headers), text };
}

/** A clock that stands still except on demand. */
export class StandingClock {
  #now = 1_000_000;
  #aheadMs = 0; // ahead of the wall clock
  #waiting = [];
  longest = 0; // longest wait in ms

  now = () => this.#now - this.#aheadMs;

  /** Puts the wall clock back: scheduled calls wait as long as before. */
  putBack(ms) {
    this.#aheadMs += ms;
  }

  /** The machine sleeps: the wall clock goes on, scheduled calls wait as long as before. */
  sleep(ms) {
    this.#aheadMs -= ms;
  }

  /** The number of scheduled calls. */
  get waiting() {
    return this.#waiting.length;
  }

  after = (ms, call) => {
    const timer = { at: this.#now + ms, call };
    this.longest = Math.max(this.longest, ms);
    this.#waiting.push(timer);
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== timer);
    };
  };

  /** Lets time pass, and makes due calls in order. */
  async pass(ms) {
    const end = this.#now + ms;
    for (;;) {
      const due = this.#waiting.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#waiting = this.#waiting.filter((timer) => timer !== due);
      this.#now = Math.max(this.#now, due.at);
      due.call();
      await settle();
    }
    this.#now = end;
  }
}

export async function runAll() {
  window.results = [];
  for (const { sentence, check } of rules) {
    try {
      await check();
      window.results.push({ sentence, failure: null });
    } catch (error) {
      window.results.push({ sentence, failure: error.stack ?? String(error) });
    }
  }
  window.finished = true;
}
