/**
 * The state of the connection in the words that stand beside the own name and above the composer.
 */
import { clockTime } from "./moments.js";

const SAY_AFTER_MS = 5_000;

/** `{kind, words}` beside the own name. */
export function lineInWords({ state, since, catchingUp }) {
  if (state === "ready") {
    if (catchingUp) return { kind: "middle", words: "catching up" };
    return { kind: "good", words: "live" };
  }
  if (state === "idle") return { kind: "middle", words: "connecting" };
  return { kind: "bad", words: `offline since ${clockTime(since)}` };
}

/** A sentence above the composer once it takes longer than a blink. */
export function noticeInWords({ state, since }, nowMs) {
  if (state === "ready" || state === "idle" || nowMs - since < SAY_AFTER_MS) return "";
  return "No connection. What you write is kept and sent when it is back.";
}
