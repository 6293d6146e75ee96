/**
 * What the page does while nobody looks at it: tells of messages, has the server tell of them when
 * it is closed, and loads itself anew when the server has another version.
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
   * `isOpen(chat)`: is it the one that is shown? `isBusy()`: would a reload take away what somebody
   * is doing? `goTo(chat, seq)` shows a message; `worker` is what `registerWorker` gives.
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

  /** A moment has passed; `line` is the state of the connection. */
  tick({ state, since }) {
    this.#alerts.tick(state === "ready");
    if (state !== "ready") return; // the page that is kept is no newer one
    if (since !== this.#readySince) {
      this.#readySince = since;
      this.#renewal.check(); // the connection may have been cut by an upgrade
    }
    this.#renewal.tick();
  }

  end() {
    this.#ended.abort();
    this.#alerts.end();
    this.#push.end().catch(() => {}); // the server tells this browser nothing more in any case
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
