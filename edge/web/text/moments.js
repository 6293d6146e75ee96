/**
 * Times for display: in the reader's language and time zone, short.
 */

// A formatter keeps the time zone that it was made in, and a page may be open while the device's
// zone changes: so these format the local time as if it were UTC's (`localAsUtc`).
const CLOCK = formatter({ hour: "numeric", minute: "2-digit" });
const WEEKDAY = formatter({ weekday: "short" });
const DATE = formatter({ day: "numeric", month: "short" });

const DAY_MS = 86_400_000;

/** Of times as `localAsUtc` gives them. */
export function formatter(options) {
  return new Intl.DateTimeFormat(undefined, { ...options, timeZone: "UTC" });
}

export function localAsUtc(at) {
  const date = new Date(at);
  return date.getTime() - date.getTimezoneOffset() * 60_000;
}

/** The time of day without a leading zero, in any language. */
export function clockTime(at) {
  return CLOCK.formatToParts(localAsUtc(at))
    .map(({ type, value }) => (type === "hour" ? value.replace(/^0(?=\d)/u, "") : value))
    .join("");
}

/** The local day as `YYYY-MM-DD`. */
export function dayOf(at) {
  const date = new Date(at);
  const two = (number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** The time today, the weekday within a week, else the date. */
export function listTime(ms, nowMs) {
  const ago = daysBetween(dayOf(ms), nowMs);
  if (ago <= 0) return clockTime(ms);
  return shortDay(ms, ago < 7);
}

/** "Thu" if it `isNear`, else "4 Jun". */
export function shortDay(at, isNear) {
  return (isNear ? WEEKDAY : DATE).format(localAsUtc(at));
}

/** From a day as `dayOf` writes it to this time. */
export function daysBetween(day, nowMs) {
  const noon = (text) => Date.parse(`${text}T12:00:00`);
  return Math.round((noon(dayOf(nowMs)) - noon(day)) / DAY_MS);
}
