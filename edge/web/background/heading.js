/**
 * The window's title, icon and badge: which chat is open, how much is unread.
 */

export class Heading {
  #waiting = null; // the last shown number: an earlier window may have left another

  /**
   * `title` is the open chat's or ""; `waiting` is the number of messages that need attention;
   * `name` is the instance's.
   */
  show({ title, waiting, name }) {
    const shown = [waiting > 0 && `(${waiting})`, title && `${title} –`, name]
      .filter(Boolean).join(" ");
    if (shown !== document.title) document.title = shown;
    if (waiting === this.#waiting) return;
    this.#waiting = waiting;
    const icon = document.querySelector("link[rel=icon]");
    const mark = waiting > 0 ? "mark-unread.svg" : "mark.svg";
    if (!icon.href.includes(mark)) icon.href = icon.href.replace(/[\w-]+\.svg/u, mark);
    navigator.setAppBadge?.(waiting).catch(() => {}); // only an installed app has a badge
  }
}
