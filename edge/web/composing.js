/**
 * Whether a key belongs to what somebody writes with an input method, as for Japanese: Enter takes
 * one of its proposals then, and sends nothing.
 */

const PROCESSED = 229; // Safari says only by this code that the key ended a composition

export function isComposing(event) {
  return event.isComposing || event.keyCode === PROCESSED;
}
