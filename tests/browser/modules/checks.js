/**
 * The smallest way to state and check a rule of a module in a browser: `rule(sentence, check)`.
 * Results are in `window.results` when `window.finished` is true.
 */

const rules = [];

export function rule(sentence, check) {
  rules.push({ sentence, check });
}

/** Deep equality by JSON, which is what all of the modules' values are. */
export function same(actual, expected) {
  const [left, right] = [actual, expected].map((value) => JSON.stringify(value));
  if (left !== right) throw new Error(`${left}\n   instead of\n   ${right}`);
}

export async function settle() {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

/** What `fetch` gives, without a browser's own time for it. */
export function answered(status, value, headers = {}) {
  const text = async () => JSON.stringify(value);
  return { ok: status < 400, status, headers: new Headers(headers), text };
}

/** A clock that stands still until it is told otherwise. */
export class StandingClock {
  #now = 1_000_000;
  #aheadMs = 0; // of what a clock on the wall shows
  #waiting = [];
  longest = 0; // ms of a wait

  now = () => this.#now - this.#aheadMs;

  /** Somebody sets it: what waits waits as long as before. */
  putBack(ms) {
    this.#aheadMs += ms;
  }

  /** How many calls wait for their time. */
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

  /** Lets time pass, calling in order what falls due. */
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
