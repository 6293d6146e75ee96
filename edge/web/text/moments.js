/**
 * Times for display: in the reader's language and time zone, short.
 */

// A formatter keeps the time zone that it was made in, and a page may be open while the device's
// zone changes: so these format the local time as if it were UTC's (`localAsUtc`).
const CLOCK = formatter({ hour: "numeric", minute: "2-digit" });
const FULL = formatter({ dateStyle: "full", timeStyle: "medium" });
const WEEKDAY = formatter({ weekday: "short" });
const DATE = formatter({ day: "numeric", month: "short" });
const LONG_DAY = formatter({ weekday: "long", day: "numeric", month: "long" });
const DAY_WITH_YEAR = formatter({ dateStyle: "long" });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

const DAY_MS = 86_400_000;

function formatter(options) {
  return new Intl.DateTimeFormat(undefined, { ...options, timeZone: "UTC" });
}

function localAsUtc(at) {
  const date = new Date(at);
  return date.getTime() - date.getTimezoneOffset() * 60_000;
}

/** The time of day without a leading zero, in any language. */
export function clockTime(at) {
  return CLOCK.formatToParts(localAsUtc(at))
    .map(({ type, value }) => (type === "hour" ? value.replace(/^0(?=\d)/u, "") : value))
    .join("");
}

export function fullTime(at) {
  return FULL.format(localAsUtc(at));
}

/** "today 14:31" if there is no day line nearby, "Today 14:31" if it `begins` a line. */
export function dayAndTime(at, nowMs, { begins = false } = {}) {
  const words = `${dayInWords(dayOf(at), nowMs)} ${clockTime(at)}`;
  return begins ? capital(words) : words;
}

/** The local day as `YYYY-MM-DD`. */
export function dayOf(at) {
  const date = new Date(at);
  const two = (number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** "Today", "Yesterday", or the date of a day as `dayOf` writes it. */
export function dayName(day, nowMs) {
  return capital(dayInWords(day, nowMs));
}

function dayInWords(day, nowMs) {
  const ago = daysBetween(day, nowMs);
  if (ago === 0 || ago === 1) return RELATIVE.format(-ago, "day");
  const noon = Date.parse(`${day}T12:00:00Z`);
  return ago > 0 && ago < 300 ? LONG_DAY.format(noon) : DAY_WITH_YEAR.format(noon);
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

function daysBetween(day, nowMs) {
  const noon = (text) => Date.parse(`${text}T12:00:00`);
  return Math.round((noon(dayOf(nowMs)) - noon(day)) / DAY_MS);
}

function capital(text) {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}
