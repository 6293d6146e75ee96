/**
 * Temporary addresses of files: requested in batches, on demand, and again before they expire.
 */

const MOST_AT_ONCE = 50;
const SOON_MS = 30;
const EARLIER_MS = 60_000; // a link is not used in its last minute

export class FileLinks {
  #api;
  #clock;
  #links = new Map(); // file -> {url, previewUrl, since, until}; without addresses if it is gone
  #wanted = new Map(); // chat -> Map(file -> [resolve])

  constructor({ api, clock }) {
    this.#api = api;
    this.#clock = clock;
  }

  /** `{url, previewUrl}`; null if the file is gone or the request failed. */
  async of(chat, id) {
    const known = this.#links.get(id);
    const now = this.#clock.now();
    // Before `since` the clock was set back: it may have expired.
    if (known && known.since <= now && now < known.until) return known.url ? known : null;
    return new Promise((resolve) => {
      if (!this.#wanted.has(chat)) {
        this.#wanted.set(chat, new Map());
        this.#clock.after(SOON_MS, () => this.#ask(chat));
      }
      const wanted = this.#wanted.get(chat);
      wanted.set(id, [...(wanted.get(id) ?? []), resolve]);
    });
  }

  async #ask(chat) {
    const wanted = this.#wanted.get(chat);
    this.#wanted.delete(chat);
    const ids = [...wanted.keys()];
    for (let n = 0; n < ids.length; n += MOST_AT_ONCE) {
      const some = ids.slice(n, n + MOST_AT_ONCE);
      await this.#learn(chat, some);
      for (const id of some) {
        const found = this.#links.get(id);
        for (const resolve of wanted.get(id)) resolve(found?.url ? found : null);
      }
    }
  }

  async #learn(chat, ids) {
    let answer;
    try {
      answer = await this.#api.fileLinks(chat, ids);
    } catch (error) {
      if (error.code === undefined) throw error;
      return; // the next drawing asks again
    }
    const since = this.#clock.now();
    const until = since + answer.expiresIn * 1_000 - EARLIER_MS;
    for (const id of ids) this.#links.set(id, { ...answer.links[id], since, until });
  }
}
