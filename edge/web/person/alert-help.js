/**
 * How to enable notifications in this browser: the steps differ in each.
 */

const WAYS = {
  chrome: "Select the icon to the left of the address, turn on “Notifications” there, and reload the "
    + "page. If you do not see it, open “Site settings” from there.",
  android: "Select the icon to the left of the address, then “Permissions”, allow notifications, and "
    + "reload the page. Android must also allow them for your browser, under Settings, Apps.",
  firefox: "Select the crossed-out icon to the left of the address, remove the block beside “Send "
    + "notifications”, and reload the page.",
  safari: "Open Safari’s settings, choose “Websites”, then “Notifications”, allow them for this site, "
    + "and reload the page.",
  ios: "Open the Settings app, choose “Notifications”, then Hubbub, and allow them.",
  other: "Allow them in the settings of this site, beside its address, and reload the page.",
};
const BLOCKED = "This browser blocks notifications from Hubbub.";
const INSTALL = "On this device notifications come to the installed app only: select “Share”, then “Add "
  + "to Home Screen”, open Hubbub from there, and turn them on in its settings.";
const INSECURE = "This browser shows notifications only where Hubbub is opened over https.";

/** Of a `navigator`: "chrome", "android", "firefox", "safari", "ios" or "other". */
export function browserOf({ userAgent, maxTouchPoints }) {
  // An iPad claims to be a Mac, which has no touch screen. Every browser there uses Safari's
  // engine.
  if (/iPhone|iPad|iPod/u.test(userAgent) || (/Macintosh/u.test(userAgent) && maxTouchPoints > 1)) {
    return "ios";
  }
  if (/Firefox\//u.test(userAgent)) return "firefox";
  if (/Chrome\//u.test(userAgent)) return /Android/u.test(userAgent) ? "android" : "chrome";
  return /Safari\//u.test(userAgent) ? "safari" : "other";
}

/** If the user has blocked them. */
export function helpWhereBlocked(navigator) {
  return `${BLOCKED} ${WAYS[browserOf(navigator)]}`;
}

/** If the browser does not support them. */
export function helpWhereImpossible(navigator) {
  return browserOf(navigator) === "ios" ? INSTALL : INSECURE;
}
