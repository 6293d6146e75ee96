/**
 * Web Push for messages while no window of the page is open: the browser's push subscription, which
 * the server keeps while the session lasts.
 */
const PATH = "/api/user/me/push";

export class Push {
  #api;
  #choice;
  #worker;

  /** `choice` is an `AlertChoice`; `worker` is the promise of a service worker's registration. */
  constructor({ api, choice, worker }) {
    this.#api = api;
    this.#choice = choice;
    this.#worker = worker;
  }

  /**
   * Makes the server send exactly the chosen notifications; returns whether it sends any. Does not
   * ask for permission; may be repeated.
   */
  async keep() {
    const manager = (await this.#worker)?.pushManager;
    if (!manager || this.#choice.permission !== "granted") return false;
    const known = await manager.getSubscription();
    if (this.#choice.of === "none") {
      await known?.unsubscribe();
      if (known) await this.#api.call("DELETE", PATH, { isSafe: true });
      return false;
    }
    const { publicKey } = await this.#api.call("GET", PATH, { isSafe: true });
    if (publicKey === null) return false;
    const subscription = await subscribe(manager, known, publicKey);
    if (subscription === null) return false;
    const { endpoint, keys } = subscription.toJSON();
    const body = { endpoint, keys, level: this.#choice.of, silent: !this.#choice.isLoud };
    await this.#api.call("PUT", PATH, { isSafe: true, body });
    return true;
  }

  /**
   * Pending notifications for this browser are not shown. The server drops the subscription itself.
   */
  async end() {
    const known = await (await this.#worker)?.pushManager?.getSubscription();
    await known?.unsubscribe();
  }
}

/** Null if the browser has no push service, or cannot reach it. */
async function subscribe(manager, known, publicKey) {
  try {
    if (known && keyOf(known) === publicKey) return known;
    await known?.unsubscribe();
    return await manager.subscribe({ userVisibleOnly: true, applicationServerKey: publicKey });
  } catch {
    return null;
  }
}

function keyOf({ options }) {
  const bytes = new Uint8Array(options.applicationServerKey ?? []);
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
