/**
 * The server's time, as its answers tell it: a device's clock may be hours off.
 */
let aheadMs = 0;

/** `date` is the header of an answer that has just arrived, or null. */
export function learnTime(date) {
  const at = Date.parse(date ?? "");
  if (!Number.isNaN(at)) aheadMs = Date.now() - at;
}

/** How far this device's clock is ahead; negative if it is behind. */
export function clockAheadMs() {
  return aheadMs;
}
