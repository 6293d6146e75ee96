/**
 * Takes messages elsewhere: to the clipboard, or to other programs through the system.
 */
import { copyText } from "../parts/clipboard.js";

/** `done` is the text to show once it is copied; `say` and `warn` show sentences. */
export async function copy(text, done, { say, warn }) {
  try {
    await copyText(text);
    say(done);
  } catch {
    warn("Could not copy: your browser does not allow it.");
  }
}

/** Cancelling in the system is not an error. */
export async function share(what, { warn }) {
  try {
    await navigator.share(what);
  } catch (error) {
    if (error.name !== "AbortError") warn("Could not share: your browser does not allow it.");
  }
}
