/**
 * Whether a key belongs to an input method, as for Japanese: then Enter accepts a suggestion and
 * sends nothing.
 */

const PROCESSED = 229; // Safari's only sign that the key ended a composition

export function isComposing(event) {
  return event.isComposing || event.keyCode === PROCESSED;
}
