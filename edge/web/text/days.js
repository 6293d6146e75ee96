/**
 * Days and full times in words, in the reader's language and time zone.
 */
import { clockTime, dayOf, daysBetween, formatter, localAsUtc } from "./moments.js";

const FULL = formatter({ dateStyle: "full", timeStyle: "medium" });
const LONG_DAY = formatter({ weekday: "long", day: "numeric", month: "long" });
const DAY_WITH_YEAR = formatter({ dateStyle: "long" });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

export function fullTime(at) {
  return FULL.format(localAsUtc(at));
}

/** "today 14:31" if there is no day line nearby, "Today 14:31" if it `begins` a line. */
export function dayAndTime(at, nowMs, { begins = false } = {}) {
  const words = `${dayInWords(dayOf(at), nowMs)} ${clockTime(at)}`;
  return begins ? capital(words) : words;
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

function capital(text) {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}
