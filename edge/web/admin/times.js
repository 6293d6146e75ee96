/**
 * Times in tables: short, with the time of day.
 */
import { clockTime, listTime, shortDay } from "../text/moments.js";

const DAY_MS = 86_400_000;
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

/** "14:31" today, "Tue 14:31" within a week, else "4 Jun 14:31". */
export function logTime(at, nowMs) {
  const clock = clockTime(at);
  const day = listTime(Date.parse(at), nowMs);
  return day === clock ? clock : `${day} ${clock}`;
}

/** "tomorrow 14:31", for future times. */
export function dueTime(at, nowMs) {
  const midnight = (ms) => new Date(ms).setHours(0, 0, 0, 0);
  const days = Math.round((midnight(Date.parse(at)) - midnight(nowMs)) / DAY_MS);
  const day = days < 2 ? RELATIVE.format(days, "day") : shortDay(at, days < 7);
  return `${day} ${clockTime(at)}`;
}
