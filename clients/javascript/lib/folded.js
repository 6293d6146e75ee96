/**
 * `fold(history at some seq, events after it)` is the history after them, for every chat and seq.
 */
import { begin, change } from "./fold.js";

/**
 * Messages as they are after these events, which are the next of their chat; oldest first. Events
 * about other messages change nothing.
 */
export function fold(messages, events) {
  const after = new Map(Array.from(messages, (message) => [message.seq, message]));
  for (const event of events) {
    if (event.type === "message") after.set(event.seq, begin(event));
    else if (after.has(event.of)) after.set(event.of, change(after.get(event.of), event));
  }
  return [...after.values()].sort((a, b) => a.seq - b.seq);
}
