/**
 * What the page does in the background: notifies about messages, makes the server do so when the
 * page is closed, and reloads when the server has another version.
 */
import { AlertChoice } from "./alert-choice.js";
import { Alerts } from "./alerts.js";
import { Push } from "./push.js";
import { Renewal } from "./renewal.js";

const IDLE_MS = 120_000;
const HANDS = ["pointerdown", "keydown", "wheel", "touchstart"];

export class Standby {
  #clock;
  #renewal;
  #alerts;
  #push;
  #isBusy;
  #touchedAt;
  #readySince = null;
  #ended = new AbortController();

  /**
   * `isOpen(chat)`: is it shown? `isBusy()`: would a reload interrupt the user? `goTo(chat, seq)`
   * shows a message; `worker` is what `registerWorker` returns.
   */
  constructor({ me, api, chats, names, clock, worker, isOpen, isBusy, goTo }) {
    this.#clock = clock;
    this.#isBusy = isBusy;
    this.#touchedAt = clock.now();
    this.#renewal = new Renewal({
      ask: versionOfServer, version: new URL(import.meta.url).searchParams.get("v"), clock,
      random: Math.random, isQuiet: () => this.#isQuiet(), reload: () => location.reload(),
    });
    const choice = new AlertChoice();
    this.#push = new Push({ api, choice, worker });
    this.#push.keep().catch(() => {}); // no server: the next start tries again
    this.#alerts = new Alerts({
      me, chats, names, clock, worker, choice, locks: navigator.locks,
      isAttended: (chat) => document.visibilityState === "visible" && isOpen(chat),
    });
    this.#listen(chats, goTo);
  }

  /** An event was applied to a chat. */
  heard(chat, event) {
    this.#alerts.heard(chat, event);
  }

  /** A periodic tick; `line` is the state of the connection. */
  tick({ state, since }) {
    this.#alerts.tick(state === "ready");
    if (state !== "ready") return; // a cached page would not be newer
    if (since !== this.#readySince) {
      this.#readySince = since;
      this.#renewal.check(); // an upgrade may have closed the connection
    }
    this.#renewal.tick();
  }

  end() {
    this.#ended.abort();
    this.#alerts.end();
    this.#push.end().catch(() => {}); // the server sends this browser nothing more in any case
  }

  #listen(chats, goTo) {
    const { signal } = this.#ended;
    for (const type of HANDS) {
      addEventListener(type, () => {
        this.#touchedAt = this.#clock.now();
      }, { signal, passive: true, capture: true });
    }
    document.addEventListener("visibilitychange", () => {
      this.#renewal.check();
      this.#alerts.look();
    }, { signal });
    navigator.serviceWorker?.addEventListener("message", ({ data }) => {
      const chat = chats.get(data.open); // of a notification that was clicked
      if (chat) goTo(chat, data.seq);
    }, { signal });
  }

  #isQuiet() {
    const isIdle = this.#clock.now() - this.#touchedAt > IDLE_MS;
    return (document.visibilityState === "hidden" || isIdle) && !this.#isBusy();
  }
}

async function versionOfServer() {
  const answer = await fetch("/web/version", { cache: "no-store" });
  if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
  return answer.text();
}
