/**
 * How much text a message still takes, in bytes, and in words once that is little.
 */
import { sizeInWords } from "../text/sizes.js";

const MOST_BYTES = 8_192;
const SAY_UP_TO_BYTES = 692;

/** Negative if the text is too long. */
export function roomAfter(text) {
  return MOST_BYTES - new TextEncoder().encode(text).length;
}

/** "" while there is plenty. */
export function roomInWords(bytes) {
  if (bytes > SAY_UP_TO_BYTES) return "";
  if (bytes >= 0) return `${sizeInWords(bytes)} left`;
  return `${sizeInWords(-bytes)} too long for one message: shorten or split it`;
}
