/**
 * The state of the connection in the words that stand beside the own name and above the composer.
 */
import { clockTime } from "./moments.js";

const SAY_AFTER_MS = 5_000;

/** `{kind, words}` beside the own name. */
export function lineInWords({ state, since, catchingUp }) {
  if (state === "ready") {
    return catchingUp ? { kind: "middle", words: "catching up" } : { kind: "", words: "live" };
  }
  if (state === "idle") return { kind: "middle", words: "connecting" };
  return { kind: "off", words: `offline since ${clockTime(since)}` };
}

/** What stands above the composer once it takes a while: `{words, isWaiting}` or null. */
export function noticeInWords({ state, since, backAt }, nowMs) {
  if (state === "ready" || state === "idle" || nowMs - since < SAY_AFTER_MS) return null;
  const offline = `Offline since ${clockTime(since)}.`;
  if (backAt === null) return { words: `${offline} Trying again…`, isWaiting: false };
  const seconds = Math.max(1, Math.ceil((backAt - nowMs) / 1000));
  return { words: `${offline} Next try in ${seconds} s.`, isWaiting: true };
}
