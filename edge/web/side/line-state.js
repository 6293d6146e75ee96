/**
 * The connection's state in words, shown next to the user's name and above the composer.
 */
import { clockTime } from "../text/moments.js";

const SAY_AFTER_MS = 5_000;

/** `{kind, words}` next to the user's name. */
export function lineInWords({ state, since, catchingUp }) {
  if (state === "ready") {
    return catchingUp ? { kind: "middle", words: "catching up" } : { kind: "", words: "live" };
  }
  if (state === "idle") return { kind: "middle", words: "connecting" };
  return { kind: "off", words: `offline since ${clockTime(since)}` };
}

/** The notice above the composer after a while: `{words, next, isWaiting}` or null. */
export function noticeInWords({ state, since, backAt }, nowMs) {
  if (state === "ready" || state === "idle" || nowMs - since < SAY_AFTER_MS) return null;
  const words = `Offline since ${clockTime(since)}.`;
  if (backAt === null) return { words, next: "Trying again…", isWaiting: false };
  const seconds = Math.max(1, Math.ceil((backAt - nowMs) / 1000));
  return { words, next: `Next try in ${seconds} s.`, isWaiting: true };
}
